/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fields of a JSON object, for output as text: what is missing is empty or 0. */
#ifndef TOOLS_COMMON_JSON_FIELDS_H
#define TOOLS_COMMON_JSON_FIELDS_H

#include <jansson.h>

/* The string of this key, borrowed from the object; "" if there is none. */
static inline const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The number of this key; 0 if there is none. */
static inline int number_of(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

#endif
