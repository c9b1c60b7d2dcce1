// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Debian's Janus under a systemd of its own, with the package and the drop-in, told by package.test.mjs; runs as root in
 * mount, network, process and cgroup namespaces of its own, and changes an overlay over the system, in memory.
 *
 *   node systemd.mjs PACKAGE FOLDER
 *
 * Ends with 77 where no systemd can be started like that.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { call, listRooms, openSession, Overlay, wasCutShort } from './overlay.mjs'

const [deb, folder] = process.argv.slice(2)
const system = new Overlay(folder)
const at = path => system.at(path)
const done = text => console.log(`done: ${text}`)
const KILLS = 7 /* systemd's own patience is five starts in ten seconds */

function prepare() {
	system.dpkg('-i', deb)
	system.write('/etc/janus/janus.plugin.portal.jcfg',
		system.read('/etc/janus/janus.plugin.portal.jcfg').replace('general: {', 'general: {\n\tadmin_key = "of the test"'))
	mkdirSync(at('/etc/systemd/system/janus.service.d'), { recursive: true })
	system.write('/etc/systemd/system/janus.service.d/portal.conf', system.read('/usr/share/janus-portal/systemd/portal.conf.sample'))
	/* Nothing but Janus, and what every unit needs. */
	const wants = '/etc/systemd/system/multi-user.target.wants'
	rmSync(at(wants), { recursive: true, force: true })
	mkdirSync(at(wants))
	symlinkSync('/lib/systemd/system/janus.service', at(`${wants}/janus.service`))
	for (const unit of ['getty.target', 'remote-fs.target', 'systemd-logind.service', 'networking.service'])
		if (!existsSync(at(`/etc/systemd/system/${unit}`))) symlinkSync('/dev/null', at(`/etc/systemd/system/${unit}`))
	call('mount', '-t', 'tmpfs', 'tmpfs', at('run'))
	call('mount', '-t', 'tmpfs', 'tmpfs', at('tmp'))
	call('umount', '-R', at('dev'))
	call('mount', '-t', 'tmpfs', 'tmpfs', at('dev'))
	for (const device of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
		writeFileSync(at(`dev/${device}`), '')
		call('mount', '--bind', `/dev/${device}`, at(`dev/${device}`))
	}
	/* Of these a service with PrivateDevices gets a copy. */
	for (const name of ['pts', 'shm']) mkdirSync(at(`dev/${name}`))
	call('mount', '-t', 'devpts', '-o', 'newinstance,ptmxmode=0666', 'devpts', at('dev/pts'))
	symlinkSync('pts/ptmx', at('dev/ptmx'))
	call('mount', '-t', 'sysfs', '-o', 'ro', 'sysfs', at('sys'))
	if (existsSync('/sys/fs/cgroup/cgroup.controllers')) {
		call('mount', '-t', 'cgroup2', 'cgroup2', at('sys/fs/cgroup'))
	} else {
		call('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', at('sys/fs/cgroup'))
		mkdirSync(at('sys/fs/cgroup/systemd'))
		call('mount', '-t', 'cgroup', '-o', 'none,name=systemd,xattr', 'cgroup', at('sys/fs/cgroup/systemd'))
	}
}

const log = join(folder, 'systemd.log')
let one /* the process that is systemd */

const inside = (...command) => spawnSync('nsenter', ['-t', one, '-m', '-p', '-u', '-i', '--root', '--wd=/', ...command], { encoding: 'utf8' })
const show = property => inside('systemctl', 'show', '-P', property, 'janus').stdout.trim()

async function boot() {
	const output = openSync(log, 'w')
	/* The overlay becomes the root, and the real one is not to be found any more: with chroot alone, who enters the namespace
	   of a service from outside would be there. --kill-child goes with this process, and all the rest with systemd. */
	const child = spawn('unshare', ['--pid', '--mount', '--fork', '--kill-child', '--uts', '--ipc', 'sh', '-c',
		'mount -t proc proc "$0/proc" && cd "$0" && pivot_root . mnt && umount -l mnt && ' +
		'exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --log-target=console',
		system.root], { stdio: ['ignore', output, output] })
	for (let tries = 0; tries < 150; tries++, await wait(100)) {
		if (child.exitCode !== null) break
		one = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
		if (one && /^(running|degraded|starting)/.test(inside('systemctl', 'is-system-running').stdout)) return
	}
	console.log(`No systemd can be started here:\n${readFileSync(log, 'utf8')}`)
	process.exit(77)
}

prepare()
await boot()
const journal = () => inside('systemctl', 'status', '--no-pager', '--full', '--lines=40', 'janus').stdout
const session = await openSession(journal)
assert.deepEqual(await listRooms(session), ['coffee-chat', 'home', 'misc'], journal())
const { permanent } = await (await session.attach()).ask({ request: 'create', admin_key: 'of the test', room: 'attic', permanent: true })
assert.equal(permanent, true, journal())
await session.close()
const rooms = at('/var/lib/janus-portal')
assert.deepEqual([statSync(rooms).mode & 0o777, statSync(join(rooms, 'rooms.json')).mode & 0o777, readdirSync(rooms)], [0o700, 0o600, ['rooms.json']])
done('Janus runs under the drop-in, and keeps permanent rooms in its StateDirectory')

const pid = show('MainPID')
const status = inside('cat', `/proc/${pid}/status`).stdout
assert.match(status, /^CapBnd:\s0+$/m)
assert.match(status, /^CapEff:\s0+$/m)
assert.match(status, /^NoNewPrivs:\s1$/m)
assert.match(status, /^Seccomp:\s2$/m)
assert.equal(show('LimitNOFILE'), '131072')
const asJanus = (...command) => inside('nsenter', '-t', pid, '-m', '--root', '--', ...command)
for (const path of ['/etc/janus/x', '/usr/x', '/var/x', '/var/lib/x', '/root/x'])
	assert.match(asJanus('touch', path).stderr, /Read-only file system|Permission denied|No such file/, path)
assert.equal(asJanus('touch', '/var/lib/janus-portal/x').status, 0)
assert.equal(asJanus('sh', '-c', 'ls -A /home /root; ls /dev/mem /dev/sda /dev/vda 2>/dev/null').stdout.replace(/\/\w+:\n|\s/g, ''), '')
done('it may do nothing else')

for (let round = 1; round <= KILLS; round++) {
	/* The first end is a good one, as after a request by the Admin API or a stray SIGTERM. */
	inside('kill', round === 1 ? '-TERM' : '-KILL', show('MainPID'))
	for (const end = Date.now() + 10_000; show('NRestarts') !== String(round) || show('ActiveState') !== 'active'; await wait(50))
		assert.ok(Date.now() < end, `not started again after end ${round}:\n${journal()}`)
}
const again = await openSession(journal)
assert.deepEqual(await listRooms(again), ['attic', 'coffee-chat', 'home', 'misc'])
await again.close()
done(`ended ${KILLS} times in a row, it is there again each time`)

const begun = Date.now()
inside('systemctl', 'stop', 'janus')
if (!wasCutShort(journal())) assert.deepEqual([show('ActiveState'), show('Result')], ['inactive', 'success'], journal())
assert.ok(Date.now() - begun < 10_000)
done('it stops well')
process.exit(0)
