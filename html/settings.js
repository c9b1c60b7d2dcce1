// SPDX-License-Identifier: MIT
// What may differ from site to site. Edit this file; the others are replaced by an update.

/** Where Janus's WebSocket transport is; null means /janus on the host that this page comes from. */
export const server = null

/**
 * What helps two browsers behind routers to find each other. Without any, members reach each other only in the
 * same network. For example: [{ urls: 'stun:stun.example.org:3478' }]
 *
 * @type {RTCIceServer[]}
 */
export const iceServers = []
