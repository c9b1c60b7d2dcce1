// SPDX-License-Identifier: GPL-3.0-or-later
/** A program in a process of its own, and what it says. */
import { spawn } from 'node:child_process'
import { until } from '../e2e/lab.mjs'

/** Those of this file's process that run. */
const running = new Set()

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd: string, env?: Record<string, string>}} options
 */
export function startProgram(command, args, { cwd, env }) {
	const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
	running.add(child)
	let output = ''
	for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
	const ended = new Promise(resolve => {
		child.once('error', error => resolve({ code: null, signal: null, error }))
		child.once('close', (code, signal) => resolve({ code, signal }))
	})
	ended.then(end => {
		running.delete(child)
		program.end = end
	})
	const program = {
		end: undefined,
		lines: () => output.split('\n').slice(0, -1),
		/** Waits for a line that it says, among those from the given one on. */
		async says(line, { from = 0, patience } = {}) {
			const heard = () => program.lines().slice(from).some(said => line instanceof RegExp ? line.test(said) : said === line)
			try {
				await until(`${command} should say ${line}`, () => heard() || program.end, patience)
			} catch (error) {
				throw new Error(`${error.message}; it said:\n${output}`)
			}
			if (!heard()) throw new Error(`${command} ended with ${JSON.stringify(program.end)} instead of saying ${line}:\n${output}`)
		},
		/** @returns {Promise<{code: number | null, signal: string | null}>} how it ended */
		async stop(signal = 'SIGINT') {
			if (!program.end) child.kill(signal)
			return program.ends()
		},
		/**
		 * Waits for it to end by itself, as it should soon; it is killed after ten seconds.
		 * @returns {Promise<{code: number | null, signal: string | null}>} how it ended
		 */
		async ends() {
			const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
			const end = await ended
			clearTimeout(late)
			return end
		}
	}
	return program
}

/** What a test that failed has left running. */
export const stopPrograms = () => Promise.all([...running].map(child => new Promise(resolve => {
	child.once('close', resolve)
	child.kill('SIGKILL')
})))
process.on('exit', () => {
	for (const child of running) child.kill('SIGKILL')
})
