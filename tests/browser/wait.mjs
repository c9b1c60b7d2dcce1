// SPDX-License-Identifier: GPL-3.0-or-later
export const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/**
 * @param {() => any} condition
 * @param {() => string} [describe] what to say when it does not come true
 */
export async function eventually(condition, describe = () => String(condition), milliseconds = 3_000) {
	const end = Date.now() + milliseconds
	for (;;) {
		const result = await condition()
		if (result) return result
		if (Date.now() > end) throw new Error(`Never came true: ${describe()}`)
		await wait(2)
	}
}

/**
 * A clock of the test's own for setTimeout(), until the test ends or `reset()`. What Node itself has is another thing in each of its versions.
 *
 * @param {import('node:test').TestContext} t
 */
export function fakeTimeouts(t) {
	const { setTimeout, clearTimeout } = globalThis
	/** @type {Map<number, {at: number, work: () => void}>} */
	const timers = new Map()
	let now = 0, last = 0
	globalThis.setTimeout = (work, milliseconds = 0, ...args) => {
		timers.set(++last, { at: now + milliseconds, work: () => work(...args) })
		return last
	}
	globalThis.clearTimeout = timer => timers.delete(timer) || clearTimeout(timer)
	const reset = () => Object.assign(globalThis, { setTimeout, clearTimeout })
	t.after(reset)
	const due = end => [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0]
	return {
		reset,
		now: () => now,
		tick(milliseconds) {
			const end = now + milliseconds
			for (let next; (next = due(end));) {
				const [id, { at, work }] = next
				timers.delete(id)
				now = at
				work()
			}
			now = end
		}
	}
}
