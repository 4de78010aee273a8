"""What domain check says of the server itself, and what it keeps to say it: backups, the
store, processes (DX-OP)."""
import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import time
import unittest

import harness
from instance import DOMAIN, Instance
from peers import Names
from test_ctl import FAILED, GOOD, Box, Case
from test_sending import wait_until


class Looking(Case):
    """A server without daemons, and name servers that know nothing."""

    def setUp(self):
        super().setUp()
        self.names = Names()
        self.addCleanup(self.names.stop)
        self.box.settings = self.names.settings('test', 'com', 'net', 'org', 'arpa') + (
            'check:\n  https_port: 0\n'
            f'  resolvers: ["127.0.0.1@{self.names.port}"]\n'
            f'  system_resolvers: ["127.0.0.1@{self.names.port}"]\n')
        self.box.write()
        self.set_up()

    def checks(self):
        began = time.monotonic()
        found = self.json('domain', 'check', DOMAIN, code=FAILED)['checks']
        self.assertLess(time.monotonic() - began, 10)
        return {c['name']: c for c in found}

    def verdicts(self, *names):
        found = self.checks()
        return [found[n]['verdict'] for n in names]


class Backups(Looking):
    ROWS = 'backup.age', 'backup.partial'

    def note(self):
        with open(self.box.state + '/backup.json') as f:
            return json.load(f)

    def test_they_are_known(self):
        found = self.checks()
        self.assertEqual([found[n]['verdict'] for n in self.ROWS], ['warn', 'n/a'])
        self.assertRegex(found['backup.age']['fix'],
                         f'/vectisctl -c {self.box.config} store backup /var/backups/vectis; ')
        to = self.box.folder + '/b'
        octets = self.json('store', 'backup', to)['octets']
        self.assertEqual(self.verdicts(*self.ROWS), ['pass', 'pass'])
        note = self.note()
        self.assertEqual((note['state'], note['directory'], note['whole']['octets']),
                         ('whole', to, octets))
        self.assertEqual(octets, sum(os.path.getsize(f'{to}/{n}') for n in os.listdir(to)
                                     if n.endswith('.mdb')))
        # one that cannot begin counts as well, and what there was is not forgotten
        with open(self.box.folder + '/file', 'w'):
            pass
        self.bad(FAILED, 'Not a directory', 'store', 'backup', self.box.folder + '/file')
        found = self.checks()
        self.assertEqual([found[n]['verdict'] for n in self.ROWS], ['pass', 'warn'])
        self.assertIn('Not a directory', found['backup.partial']['seen'])
        self.assertIn(f'store backup {to}', found['backup.partial']['fix'])
        # old as it is now
        note['whole']['ended'] -= 49 * 3600
        note['state'] = 'whole'
        with open(self.box.state + '/backup.json', 'w') as f:
            json.dump(note, f)
        found = self.checks()
        self.assertEqual([found[n]['verdict'] for n in self.ROWS], ['warn', 'pass'])
        self.assertIn('49 hours old', found['backup.age']['seen'])
        with open(self.box.state + '/backup.json', 'w') as f:
            f.write('{')
        self.assertEqual(self.verdicts(*self.ROWS), ['n/a', 'n/a'])

    def start(self, to):
        """A backup that stands still before it copies anything: (process, what to close)."""
        lock = open(self.box.state + '/collect.lock', 'w')
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = subprocess.Popen([self.box.ctl, '-c', self.box.config, 'store', 'backup', to],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lock.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        wait_until(lambda: os.path.exists(to + '/backup'))
        return p, lock

    def test_one_that_is_killed(self):
        to = self.box.folder + '/b'
        p, lock = self.start(to)
        self.assertEqual(self.verdicts(*self.ROWS), ['info', 'info'])
        self.bad(FAILED, rf'process {p.pid} \(store backup\) has .*backup.lock', 'store', 'backup',
                 to)
        self.assertEqual(self.note()['state'], 'running')
        p.kill()
        p.wait()
        lock.close()
        found = self.checks()
        self.assertEqual([found[n]['verdict'] for n in self.ROWS], ['n/a', 'fail'])
        self.assertIn('broken off', found['backup.partial']['seen'])
        # what it left is no store, whoever is given it
        copy = Box()
        self.addCleanup(copy.remove)
        copy.write()
        shutil.copytree(to, copy.state)
        done = copy.run('setup', '--unattended')
        self.assertEqual(done.returncode, FAILED, done.stdout)
        self.assertIn(f'the backup in {copy.state} is not whole: it was broken off', done.stderr)
        self.assertNotIn('state.mdb', os.listdir(copy.state))
        self.good('store', 'backup', to)
        self.assertEqual(self.verdicts(*self.ROWS), ['pass', 'pass'])
        shutil.rmtree(copy.state)
        shutil.copytree(to, copy.state)
        os.truncate(copy.state + '/state.mdb', 4096)
        done = copy.run('mailbox', 'list')
        self.assertIn('state.mdb is not as long as it was', done.stderr)
        shutil.copy(to + '/state.mdb', copy.state)
        self.assertEqual(copy.run('mailbox', 'list').returncode, GOOD)


class Store(Looking):
    def test_it_is_looked_at(self):
        found = self.checks()['store.integrity']
        self.assertEqual(found['verdict'], 'pass')
        self.assertRegex(found['seen'], r'^\d+ entries and 0 messages .* was never made$')
        self.good('store', 'check')
        found = self.checks()['store.integrity']
        self.assertIn('all was 0 days ago', found['seen'])
        # what "store check" found is not forgotten until it is repaired
        with open(self.box.state + '/check.json') as f:
            note = json.load(f)
        self.assertEqual((note['problems'], note['first']), (0, ''))
        note.update(problems=2, first='account 1: a page is damaged')
        with open(self.box.state + '/check.json', 'w') as f:
            json.dump(note, f)
        found = self.checks()['store.integrity']
        self.assertEqual(found['verdict'], 'fail')
        self.assertIn('found 2 problems 0 days ago: account 1: a page', found['seen'])
        self.good('store', 'repair')
        self.assertNotIn('check.json', os.listdir(self.box.state))

    def test_one_that_does_not_open(self):
        """What is wrong with the server is said all the same."""
        self.good('store', 'backup', self.box.folder + '/b')
        with open(self.box.state + '/state.mdb', 'r+b') as f:
            f.write(b'no store at all ' * 512)
        found = self.checks()
        store = found.pop('store.integrity')
        self.assertEqual(store['verdict'], 'fail')
        self.assertIn('is no file of a Vectis store', store['seen'])
        self.assertIn(f'cp -a {self.box.folder}/b {self.box.state}', store['fix'])
        self.assertEqual({c['id'][:6] for c in found.values()}, {'DX-OP-'})
        self.assertEqual([n for n, c in found.items() if c['verdict'] == 'fail' and
                          n not in ('disk.free', 'mem')], [])
        self.assertIn('fail  the store is whole (DX-OP-30 store.integrity): ',
                      self.box.run('domain', 'check', DOMAIN).stdout)


class Applying(Looking):
    def test_one_at_a_time(self):
        self.good('config', 'apply')
        path = self.box.state + '/apply.lock'
        # as a lock of an open file has it: whoever holds it is in the file
        lock = open(path, 'w')
        self.addCleanup(lock.close)
        fcntl.fcntl(lock, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
        lock.write(f'{os.getpid()} {int(time.time()) - 600} config apply\n')
        lock.flush()
        began = time.monotonic()
        self.bad(FAILED, rf'tried 4 times in 3 seconds: process {os.getpid()} '
                 r'\(config apply\) has .*/apply.lock since 60\d seconds', 'config', 'apply')
        self.assertGreater(time.monotonic() - began, 3)
        found = self.checks()['conf.drift']
        self.assertEqual(found['verdict'], 'warn')
        self.assertIn(f'process {os.getpid()} (vectisctl config apply) does not end since 10 '
                      'minutes', found['seen'])
        lock.close()
        self.good('config', 'apply')
        self.assertEqual(self.checks()['conf.drift']['verdict'], 'pass')


class Processes(unittest.TestCase):
    """What the daemons' parents leave word of."""

    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        cls.addClassCleanup(cls.names.stop)
        cls.mail = Instance(accounts=(), pop3=False, daemons=('smtpd', 'imapd', 'acmed'),
                            settings=cls.names.settings('test', 'com', 'net', 'org', 'arpa') +
                            'check:\n  https_port: 0\n'
                            f'  resolvers: ["127.0.0.1@{cls.names.port}"]\n'
                            f'  system_resolvers: ["127.0.0.1@{cls.names.port}"]\n'
                            'workers: 1\npop3s:\n  listen: []\n')
        cls.mail.ports.pop('pop3s')
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)
        cls.mail.__enter__()
        for name in cls.mail.daemon_names:
            wait_until(lambda: os.path.exists(f'{cls.mail.folder}/run/{name}.parent') and
                       cls.status(name)['state'] == 'running')

    def row(self, name):
        done = subprocess.run([os.path.join(self.mail.build, 'vectisctl', 'vectisctl'), '-c',
                               self.mail.config, '--json', 'domain', 'check', DOMAIN],
                              stdout=subprocess.PIPE, check=False, timeout=60)
        (found,) = [c for c in json.loads(done.stdout)['checks'] if c['name'] == name]
        return found

    def word(self, daemon):
        with open(f'{self.mail.folder}/run/{daemon}.parent') as f:
            return [line.split() for line in f.read().splitlines()]

    def children(self, daemon):
        return {w[1]: int(w[2]) for w in self.word(daemon) if w[0] == 'child'}

    @classmethod
    def status(cls, daemon):
        (found,) = [d for d in json.loads(cls.mail.ctl('--json', 'status'))['daemons']
                    if d['name'] == daemon]
        return found

    def test_1_all_is_well(self):
        self.assertEqual(sorted(self.children('smtpd')), ['fetcher', 'sender', 'smtpd'])
        self.assertEqual(self.word('smtpd')[0][:2],
                         ['parent', str(self.mail.processes['smtpd'].pid)])
        found = self.row('svc')
        self.assertEqual((found['verdict'], found['seen']),
                         ('pass', 'smtpd imapd acmed: running; 0 restarts since they began'))
        self.assertEqual(self.status('smtpd')['restarts'], 0)

    def test_2_one_that_dies_again_and_again(self):
        for n in range(3):
            wait_until(lambda: self.children('imapd'))
            died = self.children('imapd')['imapd']
            os.kill(died, signal.SIGKILL)
            wait_until(lambda: self.children('imapd').get('imapd') not in (None, died) and
                       self.status('imapd')['state'] == 'running')
            if n == 0:
                found = self.row('svc')
                self.assertEqual(found['verdict'], 'warn')
                self.assertIn(f'imapd (process {died}) was ended by signal 9, SIGKILL',
                              found['seen'])
        found = self.row('svc')
        self.assertEqual(found['verdict'], 'fail')
        self.assertIn('imapd: 3 of its processes died in ten minutes', found['seen'])
        found = self.status('imapd')
        self.assertEqual(found['restarts'], 3)
        self.assertIn('SIGKILL', found['last_exit'])
        self.assertIn('3 restarts, the last one: imapd', self.mail.ctl('status'))

    def test_3_one_that_is_busy(self):
        """As its parent would say it in five minutes."""
        path = f'{self.mail.folder}/run/smtpd.parent'
        with open(path) as f:
            text = f.read()
        pid = self.children('smtpd')['sender']
        with open(path, 'w') as f:
            f.write(text.replace(f'child sender {pid} 0', f'child sender {pid} 98'))
        found = self.row('cpu')
        self.assertEqual(found['verdict'], 'warn')
        self.assertIn(f'sender (process {pid}) takes 98 % of a core', found['seen'])
        with open(path, 'w') as f:
            f.write(text)
        self.assertEqual(self.row('cpu')['verdict'], 'pass')

    def test_4_one_that_was_stopped(self):
        self.mail.kill('acmed', signal.SIGTERM)
        self.assertIn(['end', 'stopped'], [w[:2] for w in self.word('acmed')])
        found = self.row('svc')
        self.assertEqual(found['verdict'], 'fail')
        self.assertIn('; acmed: it was stopped 0 minutes ago', found['seen'])


if __name__ == '__main__':
    harness.main('__main__')
