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
