/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers for programs that the engine is not in. The launcher's supervisor loads the engine, and
 * asks for them (shim/common/abi.h). The decisions are those of every handshake: settings of the
 * host, search for a config, policy.
 */
#ifndef SHIM_ENGINE_ANSWER_ANSWER_H
#define SHIM_ENGINE_ANSWER_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "shim/common/given_config.h"

/* See give_config, config_rejected and answer_query in struct shim_engine. */
void shim_answer_give_config(const struct shim_config_question *question,
                             struct shim_given_config *given);
void shim_answer_config_rejected(const char *server_name);
size_t shim_answer_query(const uint8_t *query, size_t length, bool datagram, uint8_t *out,
                         size_t size);

#endif
