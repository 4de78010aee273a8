"""vectisctl support bundle: all that helps, and nothing that is secret."""
import json
import os
import re
import stat
import subprocess
import tarfile
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message
from peers import Names

TOKEN = 'cf-token-Zq81xxyyzzTOKEN'
EAB = 'ZWFiLWtleS1vZi1hbi1hdXRob3JpdHktMTIzNDU2Nzg5MA'
RELAY = 'relay-Passw0rd/with:odd'
SUBJECT, BODY = 'subject-of-a-message', 'body-of-a-message'
LOG = f'''#!/bin/sh
echo "$@" >> @folder@/asked
case "$*" in *vectis-pop3d*) echo "No journal files were found." >&2; exit 1;; esac
case "$*" in *vectis-imapd*) exit 0;; esac
cat << 'END'
2026-11-29T00:00:00+0000 host smtpd[12]: <6>prog=smtpd event=refused from=<ann.b@far.test> to=<alice@{DOMAIN}>
2026-11-29T00:00:01+0000 host smtpd[12]: token {TOKEN} relay {RELAY}
2026-11-29T00:00:02+0000 host smtpd[12]: authorization: Bearer abcdefgh0123456789
2026-11-29T00:00:03+0000 host smtpd[12]: hash=$y$j9T$abcdefghijkl$mnopqrstuvwxyz
-----BEGIN PRIVATE KEY-----
bWFkZSBvZiBub3RoaW5n
-----END PRIVATE KEY-----
END
'''


class Support(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        cls.addClassCleanup(cls.names.stop)
        cls.mail = Instance(accounts=('alice',), pop3=False, daemons=('smtpd',), settings=(
            cls.names.settings('test', 'com', 'net', 'org', 'arpa') +
            'check:\n  https_port: 0\n'
            f'  resolvers: ["127.0.0.1@{cls.names.port}"]\n'
            f'  system_resolvers: ["127.0.0.1@{cls.names.port}"]\n'
            f'# a comment with {RELAY}\nworkers: 1\n'))
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)
        folder = cls.mail.folder
        with open(folder + '/secrets.yaml', 'w') as f:
            f.write(f'cloudflare:\n  api_token: "{TOKEN}"\nacme:\n  eab_kid: "kid-1"\n'
                    f'  eab_key: "{EAB}"\n')
        os.chmod(f.name, 0o600)
        os.mkdir(folder + '/bin')
        with open(folder + '/bin/journalctl', 'w') as f:
            f.write(LOG.replace('@folder@', folder))
        os.chmod(f.name, 0o755)
        cls.mail.__enter__()
        cls.mail.ctl('relay', 'add', 'far', 'relay.test', '--user', 'relay-user',
                     '--password-fd', '0', input=RELAY + '\n')
        cls.mail.ctl('store', 'backup', folder + '/backup')
        cls.mail.deliver(message(SUBJECT, BODY + '\r\n', sender='ann.b@far.test'))
        cls.key = cls.private_key()

    @classmethod
    def private_key(cls):
        with open(cls.mail.folder + '/first.key') as f:
            return f.read().split('\n')[1]

    def bundle(self, *args, path=None, code=0):
        path = path or f'{self.mail.folder}/{self.id().rpartition(".")[2]}.tar.gz'
        env = dict(os.environ, PATH=self.mail.folder + '/bin:' + os.environ['PATH'])
        began = time.monotonic()
        done = subprocess.run([os.path.join(self.mail.build, 'vectisctl', 'vectisctl'), '-c',
                               self.mail.config, '--json', 'support', 'bundle', path, *args],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, check=False,
                              timeout=120, universal_newlines=True)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertLess(time.monotonic() - began, 60)
        return path, json.loads(done.stdout), done.stderr

    def unpack(self, path):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            self.assertEqual({m.mode for m in members}, {0o600})
            self.assertEqual(len({m.name.partition('/')[0] for m in members}), 1)
            return {m.name.partition('/')[2]: tar.extractfile(m).read().decode()
                    for m in members}

    def test_what_is_in_it(self):
        path, result, _ = self.bundle()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(result['octets'], os.path.getsize(path))
        files = self.unpack(path)
        self.assertEqual(set(files), {p['name'] for p in result['parts']} | {'README.txt'})
        self.assertEqual({p['name']: p['octets'] for p in result['parts']},
                         {n: len(t.encode()) for n, t in files.items() if n != 'README.txt'})
        for name in ('status.json', 'certificate.json', 'queue.json', 'store.json', 'changes.json',
                     'domains.json', f'check-{DOMAIN}.json', 'backup.json'):
            self.assertIsInstance(json.loads(files[name]), dict, name)
        self.assertIn('backup.age', [c['name'] for c in
                                     json.loads(files[f'check-{DOMAIN}.json'])['checks']])
        self.assertEqual(json.loads(files['status.json'])['daemons'][0]['state'], 'running')
        self.assertRegex(files['version.txt'], r'vectis \d.*\ncompiler ')
        self.assertIn(f'hostname: mail.{DOMAIN}\n', files['config.txt'])
        self.assertIn('MemTotal', files['meminfo.txt'])
        self.assertRegex(files['processes.txt'], r'sender \d+: [\d.]+ MB')
        self.assertRegex(files['disks.txt'], self.mail.state + r': \d+ MB, \d+ MB free')
        self.assertIn('event=refused', files['log-smtpd.txt'])
        with open(self.mail.folder + '/asked') as f:
            self.assertIn('--lines=500 --unit vectis-smtpd', f.read())
        # what was not to be had is named, and nothing else suffers
        problems = {p['name']: p['problem'] for p in result['parts'] if p['problem']}
        self.assertEqual(problems['log-pop3d.txt'], 'it ended with status 1')
        self.assertIn('No journal files', files['log-pop3d.txt'])
        self.assertEqual(problems['log-imapd.txt'], 'journalctl has nothing of it')
        self.assertIn('No such file', problems['check.json'])
        self.assertIn('log-pop3d.txt', files['README.txt'])

    def secrets(self):
        """All that was put somewhere, and what the store has of keys and passwords."""
        with open(self.mail.state + '/state.mdb', 'rb') as f:
            state = f.read()
        kept = set(re.findall(rb'-----BEGIN [A-Z ]*PRIVATE KEY-----\n([A-Za-z0-9+/=]{40})', state))
        kept |= set(re.findall(rb'\$y\$[A-Za-z0-9./$]{40,}', state))
        self.assertGreaterEqual(len(kept), 3)  # of two kinds, and a password's
        return [k.decode() for k in kept] + [
                TOKEN, EAB, RELAY, PASSWORD, SUBJECT, BODY, self.key, 'bWFkZSBvZiBub3RoaW5n',
                'abcdefgh0123456789', '$y$', 'PRIVATE KEY', 'SCRAM-SHA']

    def test_nothing_secret_is_in_it(self):
        files = self.unpack(self.bundle()[0])
        for name, text in files.items():
            for secret in self.secrets():
                self.assertNotIn(secret, text, name)
        log = files['log-smtpd.txt']
        self.assertNotIn('ann.b', ''.join(files.values()))
        self.assertNotIn('alice', ''.join(files.values()))
        self.assertRegex(log, rf'from=<u-[0-9a-f]{{8}}@far.test> to=<u-[0-9a-f]{{8}}@{DOMAIN}>')
        self.assertIn('token [redacted] relay [redacted]\n', log)
        self.assertIn('authorization: [redacted]\n', log)

    def test_addresses_can_stay(self):
        files = self.unpack(self.bundle('--with-addresses', '--domain', DOMAIN)[0])
        self.assertIn('from=<ann.b@far.test>', files['log-smtpd.txt'])
        for secret in self.secrets():
            self.assertNotIn(secret, ''.join(files.values()))

    def test_a_file_that_is_there_stays(self):
        path = self.mail.folder + '/there'
        with open(path, 'w') as f:
            f.write('mine')
        self.assertIn('exists already', self.bundle(path=path, code=1)[2])
        with open(path) as f:
            self.assertEqual(f.read(), 'mine')
        self.assertIn('No such file', self.bundle(path=self.mail.folder + '/no/x', code=1)[2])

    @unittest.skipUnless(os.geteuid() == 0, 'needs root for a small file system')
    def test_a_full_disk_is_named(self):
        small = self.mail.folder + '/small'
        os.mkdir(small)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4k', 'vectis-test', small], check=True)
        try:
            self.assertIn('No space left', self.bundle(path=small + '/x.tar.gz', code=1)[2])
            self.assertEqual(os.listdir(small), [])
        finally:
            subprocess.run(['umount', '-l', small], check=False)


if __name__ == '__main__':
    harness.main('__main__')
