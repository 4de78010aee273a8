"""What domain check says of the server itself, and what it keeps to say it: backups, the
store, processes (DX-OP)."""
import fcntl
import json
import os
import shutil
import subprocess
import time
import unittest

import harness
from instance import DOMAIN
from peers import Names
from test_ctl import FAILED, GOOD, Box, Case
from test_sending import wait_until


class Looking(Case):
    """A server without daemons, and name servers that know nothing."""

    def setUp(self):
        super().setUp()
        self.names = Names()
        self.addCleanup(self.names.stop)
        self.box.settings = self.names.settings('test', 'com', 'net', 'arpa') + (
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


if __name__ == '__main__':
    harness.main('__main__')
