// SPDX-License-Identifier: GPL-3.0-or-later
/** What the section "Where it runs" of html/README.md shows, so that the tests run that and nothing else. */
import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../../html/README.md', import.meta.url), 'utf8')
const section = /^## Where it runs\n([^]*?)^## /m.exec(text)[1]
const blocks = [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, code]) => ({ language, code }))

function only(what, found) {
	if (found.length !== 1) throw new Error(`html/README.md shows ${found.length} of: ${what}`)
	return found[0]
}

/** The example in which a text is. */
export const example = (language, part) => only(part, blocks.filter(block => block.language === language && block.code.includes(part))).code

/** The command that begins so, in words. */
export const command = (...start) => only(start.join(' '), blocks.filter(({ language }) => language === 'sh')
	.flatMap(({ code }) => code.trim().split('\n')).map(line => line.split(' ')).filter(words => start.every((word, i) => words[i] === word)))
