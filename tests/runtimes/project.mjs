// SPDX-License-Identifier: GPL-3.0-or-later
/** A new project in a folder of its own, with the library installed from the tarball that npm makes, as its users have it. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const run = promisify(execFile)
export const HTML = fileURLToPath(new URL('../../html', import.meta.url))
const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url))

/** A program that a package of the tests brings. */
export const tool = name => join(MODULES, '.bin', name)

/**
 * @param {object} [options]
 * @param {string[]} [options.packages] more that the project has, those of the tests
 * @param {Record<string, string>} [options.files] what is in it, by path
 * @returns {Promise<{folder: string, remove: () => Promise<void>}>}
 */
export async function makeProject({ packages = [], files = {} } = {}) {
	const outside = await mkdtemp(join(tmpdir(), 'portal-project-'))
	const folder = join(outside, 'project')
	await mkdir(folder)
	const { stdout: tarball } = await run('npm', ['pack', '--silent', '--pack-destination', outside], { cwd: HTML })
	await writeFile(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
	await run('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', join(outside, tarball.trim())], { cwd: folder })
	for (const name of packages) await symlink(join(MODULES, name), join(folder, 'node_modules', name))
	for (const [path, text] of Object.entries(files)) {
		await mkdir(dirname(join(folder, path)), { recursive: true })
		await writeFile(join(folder, path), text)
	}
	return { folder, remove: () => rm(outside, { recursive: true, force: true }) }
}
