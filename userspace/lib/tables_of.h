/* SPDX-License-Identifier: MIT */
/*
 * From an image to what judges by it: the only way for programs, and the way
 * that the kernel takes. Split, check, build; each part by itself.
 */
#ifndef ML_TABLES_OF_H
#define ML_TABLES_OF_H

#include "classifier.h"
#include "parts.h"

/**
 * struct ml_tables - both parts of an image
 * @view: the first part
 * @tables: the first part's
 * @parts: names of the guard; points into the image, as the views do
 * @guard_view: the second part
 * @guard: the second part's tables; NULL: there is none
 */
struct ml_tables {
	struct merlon_view view;
	struct merlon_tables *tables;
	struct merlon_parts parts;
	struct merlon_view guard_view;
	struct merlon_tables *guard;
};

/* @ret: untouched on failure. What merlon_parts_split() and its followers return. */
int ml_tables_of(const void *image, size_t length, struct ml_tables *ret,
		 struct merlon_fault *fault);
void ml_tables_clean(struct ml_tables *tables);

#endif
