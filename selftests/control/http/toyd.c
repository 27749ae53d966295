// SPDX-License-Identifier: MIT
/* Usage: toyd DIRECTORY [ADDRESS]: the toy server, for a shell; makes its certificates. */
#include <stdio.h>

#include "pki.h"
#include "toy.h"

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: toyd DIRECTORY [ADDRESS]\n");
		return 2;
	}
	pki_write(argv[1]);
	return toy_serve(argv[1], argc > 2 ? argv[2] : "127.0.0.1:0", NULL);
}
