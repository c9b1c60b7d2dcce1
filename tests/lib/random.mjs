// SPDX-License-Identifier: GPL-3.0-or-later

/** A pseudo-random source, always the same for one seed, so that a run can be repeated. @param {number} seed */
export function randomness(seed) {
	let state = seed >>> 0
	return () => {
		state = state + 0x6d2b79f5 >>> 0
		let t = Math.imul(state ^ state >>> 15, state | 1)
		t ^= t + Math.imul(t ^ t >>> 7, t | 61)
		return ((t ^ t >>> 14) >>> 0) / 4294967296
	}
}

/** The seed of this run: chosen anew, or given by TEST_SEED to repeat a run. */
export const newSeed = () => Number(process.env.TEST_SEED) || Math.floor(Math.random() * 0xffffffff)
