// SPDX-License-Identifier: MIT
#include "tables_of.h"

static int guard_of(struct ml_tables *tables, struct merlon_fault *fault)
{
	int err;

	if (!tables->parts.second)
		return 0;
	err = merlon_image_check(tables->parts.second, tables->parts.second_len,
				 &tables->guard_view, fault);
	if (!err)
		err = merlon_parts_check_guard(&tables->guard_view, fault);
	return err ? err : merlon_tables_build(&tables->guard_view, &tables->guard, fault);
}

int ml_tables_of(const void *image, size_t length, struct ml_tables *ret,
		 struct merlon_fault *fault)
{
	struct ml_tables tables = { .tables = NULL };
	int err = merlon_parts_split(image, length, &tables.parts, fault);

	if (!err)
		err = merlon_image_check(tables.parts.first, tables.parts.first_len, &tables.view,
					 fault);
	if (!err)
		err = merlon_tables_build(&tables.view, &tables.tables, fault);
	if (!err)
		err = guard_of(&tables, fault);
	if (err)
		ml_tables_clean(&tables);
	else
		*ret = tables;
	return err;
}

void ml_tables_clean(struct ml_tables *tables)
{
	merlon_tables_free(tables->tables);
	merlon_tables_free(tables->guard);
	*tables = (struct ml_tables){ .tables = NULL };
}
