/* SPDX-License-Identifier: MIT */
#ifndef ML_POLICY_ENDPOINT_H
#define ML_POLICY_ENDPOINT_H

/*
 * Is it "name:port", "192.0.2.1:port" or "[2001:db8::1]:port", and an address
 * that a packet can be sent to? Return: 0, -EINVAL.
 */
int ml_endpoint_check(const char *text);

#endif
