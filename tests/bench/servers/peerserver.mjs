// SPDX-License-Identifier: GPL-3.0-or-later
/** PeerServer as it comes, with limits lifted. */
import { PeerServer } from 'peer'

PeerServer({ host: '127.0.0.1', port: 0, path: '/', concurrent_limit: 100_000, alive_timeout: 600_000 },
	server => console.log(server.address().port))
