/* SPDX-License-Identifier: MIT */
/* What the files of people share. */
#ifndef MERLON_CONTROL_PEOPLE_PRIVATE_H
#define MERLON_CONTROL_PEOPLE_PRIVATE_H

#include <pthread.h>

#include "people.h"

struct people {		/* in locked memory */
	uint8_t key[32];
	char dummy[PEOPLE_PASSWORD_TEXT];	/* of a password that nobody has */
	pthread_mutex_t lock;			/* of what follows */
	pthread_cond_t freed;
	unsigned int used;
	bool waiting[PEOPLE_CLASSES];
};

#endif
