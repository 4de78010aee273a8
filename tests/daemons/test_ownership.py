"""Whose a domain is: nobody sends as one before its record was seen."""
import contextlib
import json
import os
import smtplib
import subprocess
import time
import unittest

import harness
from cloudflare import EDIT
from instance import DOMAIN, Instance, PASSWORD, message
from peers import MailServer, Names
from test_ctl import FAILED, GOOD, USAGE
from test_dns import DOMAIN as ZONE, Case
from test_sending import RETRY, wait_until

MARK = 'vectis-verify='


class Asking(Case):
    """domain verify, without any daemon."""
    ownership = ()
    token = None

    def setUp(self):
        super().setUp()
        self.added = self.json('domain', 'list')['domains'][0]
        self.record = MARK + self.added['token']

    def verify(self, *args, code=GOOD):
        return self.json('domain', 'verify', ZONE, *args, code=code)

    def status(self):
        d = self.json('domain', 'list')['domains'][0]
        self.assertEqual(d['token'], self.added['token'])
        return d['status']

    def looks(self):
        return self.names.asked.count((ZONE, 16))

    def publish(self, *texts):
        self.names.records = {ZONE: {'TXT': ['x', *texts]}}

    def test_what_add_says(self):
        self.assertEqual(self.added['status'], 'unverified')
        self.assertRegex(self.added['token'], '^[0-9a-f]{64}$')
        done = self.json('domain', 'add', 'two.test')
        self.assertEqual(done['status'], 'unverified')
        self.assertNotEqual(done['token'], self.added['token'])
        self.assertIn({'name': 'two.test.', 'type': 'TXT', 'value': f'"{MARK}{done["token"]}"'},
                      done['records'])
        said = self.good('domain', 'add', 'three.test')
        self.assertRegex(said, r'\n  three\.test\. TXT "vectis-verify=[0-9a-f]{64}"\n')
        self.assertIn('vectisctl domain verify three.test', said)
        self.assertIn('three.test (unverified: may not send)', self.good('domain', 'list'))
        trusted = self.json('domain', 'add', 'four.test', '--trust')
        self.assertEqual((trusted['status'], trusted['token']), ('verified', ''))
        self.assertNotIn(MARK, json.dumps(trusted))
        self.assertEqual(self.json('domain', 'verify', 'four.test')['seen'], 'not_asked')
        said = self.good('setup', '--unattended', '--domain', 'five.test')
        self.assertRegex(said, r'\n  five\.test\. TXT "vectis-verify=[0-9a-f]{64}"\n')
        again = self.good('setup', '--unattended', '--domain', 'five.test')
        self.assertNotIn(MARK, again)
        trusted = self.json('setup', '--unattended', '--domain', 'six.test', '--trust')
        self.assertEqual((trusted['status'], trusted['token']), ('verified', ''))

    def test_what_it_sees(self):
        done = self.verify(code=FAILED)
        self.assertEqual(done, {
            'name': ZONE, 'status': 'pending', 'seen': 'no_record', 'other': '', 'looks': 1,
            'record': {'name': ZONE + '.', 'type': 'TXT', 'value': f'"{self.record}"'}})
        self.assertEqual(self.status(), 'pending')
        self.assertIn(f'{ZONE} (pending: may not send)', self.good('domain', 'list'))
        self.publish(MARK + 'f' * 64)
        done = self.verify(code=FAILED)
        self.assertEqual((done['seen'], done['other']), ('another_record', MARK + 'f' * 64))
        self.names.broken.add(ZONE)
        self.assertEqual(self.verify(code=FAILED)['seen'], 'silent')
        self.names.broken.clear()
        said = self.box.run('domain', 'verify', ZONE)
        self.assertEqual((said.returncode, said.stderr), (FAILED, ''))
        self.assertIn(f'  {ZONE}. TXT "{self.record}"', said.stdout)
        self.assertIn('smtpd looks for the record', said.stdout)
        self.assertEqual(self.status(), 'pending')
        self.publish(MARK + 'f' * 64, self.record)
        done = self.verify()
        self.assertEqual((done['status'], done['seen']), ('verified', 'found'))
        self.assertEqual(self.status(), 'verified')
        # once and for all
        self.publish()
        done = self.verify()
        self.assertEqual((done['status'], done['seen']), ('verified', 'no_record'))
        self.assertEqual(self.status(), 'verified')
        self.assertEqual(self.good('domain', 'list'), f'{ZONE} (no incoming mail)\n')

    def test_somebody_vouches(self):
        before = self.looks()
        said = self.good('domain', 'verify', ZONE, '--trust')
        self.assertIn('you vouch for it', said)
        self.assertEqual(self.status(), 'verified')
        self.assertEqual(self.looks(), before)
        self.assertEqual(self.verify('--trust')['seen'], 'trusted')

    def test_waiting(self):
        begun = time.monotonic()
        self.assertEqual(self.verify('--wait', '1', code=FAILED)['looks'], 2)
        self.assertLess(time.monotonic() - begun, 20)
        # until somebody has seen it, whoever that is
        before = self.looks()
        waiting = subprocess.Popen(
            [self.box.ctl, '-c', self.box.config, 'domain', 'verify', ZONE, '--wait', '60',
             '--json'], stdout=subprocess.PIPE, universal_newlines=True)
        self.addCleanup(waiting.stdout.close)
        wait_until(lambda: self.looks() > before)
        self.good('domain', 'verify', ZONE, '--trust')
        done = json.loads(waiting.communicate(timeout=30)[0])
        self.assertEqual((waiting.returncode, done['status']), (GOOD, 'verified'))
        for words in (('--wait', 'x'), ('--wait', '86401'), ('--wait', '-1'),
                      ('--wait', '5', '--trust')):
            self.bad(USAGE, '--wait', 'domain', 'verify', ZONE, *words)
        self.bad(FAILED, 'there is no none.test', 'domain', 'verify', 'none.test')

    def test_the_report(self):
        with open(self.box.config) as f:
            text = f.read()
        zones = ', '.join(f'"{z} 127.0.0.1@{self.names.port}"' for z in (
            'test', 'google.com', '2.0.192.in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa'))
        near = f'["127.0.0.1@{self.names.port}"]'
        self.box.write(text.replace('zones: ["test ', f'zones: [{zones}, "x.test ')
                       + 'check:\n  https_port: 0\n'
                         f'  resolvers: {near}\n  system_resolvers: {near}\n')

        def row():
            done = json.loads(self.box.run('domain', 'check', ZONE, '--all', '--json').stdout)
            (found,) = [r for r in done['checks'] if r['name'] == 'dns.verify']
            (section,) = [s for s in done['report']['sections'] if s['name'] == 'verification']
            return found['verdict'], found['fix'], section['points']

        self.publish(self.record)
        self.assertEqual(row(), ('fail', f'vectisctl domain verify {ZONE}', 0))
        self.verify()
        self.publish()
        self.assertEqual(row(), ('info', '', 5))


class Publishing(Case):
    """dns plan and apply have the record, and look for it."""
    ownership = ()
    token = EDIT

    def wanted(self):
        return [(r['required'], r['value']) for r in self.json('dns', 'plan', ZONE)['records']
                if r['purpose'] == 'verify']

    def test_applied_and_verified(self):
        text = MARK + self.json('domain', 'list')['domains'][0]['token']
        self.assertEqual(self.wanted(), [(True, text)])
        said = self.json('dns', 'apply', ZONE, '--yes')
        self.assertIn(f'"{text}"', self.zone.say('TXT', ZONE))
        self.assertEqual((said['verification']['status'], said['verification']['seen']),
                         ('pending', 'no_record'))
        said = self.good('dns', 'apply', ZONE, '--yes')
        self.assertIn(f'{ZONE} is pending', said)
        self.assertNotIn('Publish', said)
        # the zone is served now; nothing has to be changed, and it is looked for again
        self.names.records = self.zone.answers()
        said = self.good('dns', 'apply', ZONE, '--yes')
        self.assertIn(f'{ZONE} is verified', said)
        self.assertEqual(self.wanted(), [(False, text)])
        self.assertNotIn('verification', self.json('dns', 'apply', ZONE, '--yes'))
        self.good('dns', 'withdraw', ZONE, '--yes')
        self.assertEqual(self.zone.say('TXT', ZONE), [])

    def test_a_domain_that_is_added_again(self):
        self.good('dns', 'apply', ZONE, '--yes')
        (before,) = [t for t in self.zone.say('TXT', ZONE) if MARK in t]
        self.zone.add('TXT', ZONE, MARK + 'another server')
        self.good('domain', 'remove', ZONE, '--confirm')
        self.good('domain', 'add', ZONE)
        self.good('dns', 'apply', ZONE, '--yes')
        records = [t for t in self.zone.say('TXT', ZONE) if MARK in t]
        self.assertEqual(len(records), 2)
        self.assertNotIn(before, records)
        self.assertIn(MARK + 'another server', records)
        # nothing is asked for: nothing of ours stays
        self.good('domain', 'remove', ZONE, '--confirm')
        self.good('domain', 'add', ZONE, '--trust')
        self.good('dns', 'apply', ZONE, '--yes')
        self.assertEqual([t for t in self.zone.say('TXT', ZONE) if MARK in t],
                         [MARK + 'another server'])


class Sending(unittest.TestCase):
    """From add to sent, with daemons."""

    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        cls.addClassCleanup(cls.names.stop)
        cls.peer = MailServer('127.0.71.1')
        cls.addClassCleanup(cls.peer.stop)
        cls.names.add('far.test', 'MX', '10 mx.far.test')
        cls.names.add('mx.far.test', 'A', '127.0.71.1')
        cls.mail = Instance(settings=RETRY % cls.peer.port + cls.names.settings(), pop3=False)
        cls.mail.__enter__()
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)
        cls.mail_ctl = os.path.join(cls.mail.build, 'vectisctl', 'vectisctl')

    def status(self, domain):
        return {d['name']: d['status']
                for d in json.loads(self.mail.ctl('domain', 'list', '--json'))['domains']}[domain]

    def add(self, domain):
        done = json.loads(self.mail.ctl('domain', 'add', domain, '--incoming', 'on', '--json'))
        self.mail.ctl_with_password('mailbox', 'add', f'zoe@{domain}')
        return MARK + done['token']

    def send(self, login, to, sender=None, header=None):
        """What is said when it is refused, and to which command; None: it is taken."""
        sender = sender or login
        with self.mail.submission(None) as s:
            s.login(login, PASSWORD)
            try:
                s.sendmail(sender, [to], message('s', sender=header or sender))
            except smtplib.SMTPSenderRefused as e:
                return 'MAIL', e.smtp_code, e.smtp_error.decode()
            except smtplib.SMTPDataError as e:
                return 'DATA', e.smtp_code, e.smtp_error.decode()
        return None

    @staticmethod
    def refused(domain):
        return (550, '5.7.1 the domain is not verified: its administrator runs '
                     f'"vectisctl domain verify {domain}"')

    def newest(self, address):
        with contextlib.suppress(RuntimeError):  # nothing is known yet
            return json.loads(self.mail.ctl('why', address, '--json'))['events'][0]
        return {'event': '', 'reason': ''}

    def restart(self):
        self.mail.kill('smtpd')
        self.mail.start('smtpd')
        self.mail.wait_ready()

    def test_from_add_to_sent(self):
        text = self.add('new.test')
        zoe = 'zoe@new.test'
        # nobody has looked, and nobody does so by itself
        self.assertEqual(self.status('new.test'), 'unverified')
        self.assertEqual(self.send(zoe, 'x@far.test'), ('MAIL', *self.refused('new.test')))
        self.assertEqual(self.send(zoe, zoe), ('MAIL', *self.refused('new.test')))
        self.mail.ctl('alias', 'add', 'sales@new.test', f'alice@{DOMAIN}')
        self.assertEqual(self.send(f'alice@{DOMAIN}', zoe, header='sales@new.test'),
                         ('DATA', *self.refused('new.test')))
        wait_until(lambda: 'domain verify new.test' in self.newest(zoe)['reason'])
        self.assertEqual(self.newest(zoe)['event'], 'refused')
        done = subprocess.run([self.mail_ctl, '-c', self.mail.config, 'test', 'send',
                               'x@far.test', '--from', zoe], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('vectisctl domain verify new.test', done.stderr)
        # its mail comes, from here and from elsewhere
        self.assertIsNone(self.send(f'alice@{DOMAIN}', zoe))
        with self.mail.smtp() as s:
            s.sendmail('a@far.test', [zoe], message('hello'))
        self.assertEqual(json.loads(self.mail.ctl('mailbox', 'list', '--domain', 'new.test',
                                                  '--json'))['mailboxes'][0]['messages'], 2)
        # asked for, and not there
        with self.assertRaisesRegex(RuntimeError, 'has no vectis-verify record'):
            self.mail.ctl('domain', 'verify', 'new.test')
        self.assertEqual(self.status('new.test'), 'pending')
        self.restart()
        self.assertEqual(self.send(zoe, 'x@far.test'), ('MAIL', *self.refused('new.test')))
        self.names.add('new.test', 'TXT', 'v=spf1 -all', text)
        self.assertIn('new.test is verified', self.mail.ctl('domain', 'verify', 'new.test'))
        self.assertIsNone(self.send(zoe, 'x@far.test'))
        wait_until(lambda: any(zoe in m[0] for m in self.peer.messages))
        self.assertIsNone(self.send(zoe, zoe))
        self.restart()
        self.assertIsNone(self.send(zoe, 'x@far.test'))
        self.assertEqual(self.status('new.test'), 'verified')

    def test_smtpd_sees_it_by_itself(self):
        text = self.add('self.test')
        with contextlib.suppress(RuntimeError):
            self.mail.ctl('domain', 'verify', 'self.test')
        self.names.add('self.test', 'TXT', text)
        self.restart()  # what is pending is looked for at once
        wait_until(lambda: self.status('self.test') == 'verified')
        wait_until(lambda: 'domain verified' in self.mail.log('smtpd'))
        self.assertIn('self.test', self.mail.log('smtpd'))
        self.assertIsNone(self.send('zoe@self.test', 'x@far.test'))

    def test_lists_of_such_a_domain(self):
        text = self.add('talk.test')
        self.mail.ctl('list', 'add', 'all@talk.test', 'y@far.test')
        with self.mail.smtp() as s:
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
                s.sendmail('a@b.test', ['all@talk.test'], message('hello'))
        self.assertIn(b'the domain of this list is not verified',
                      caught.exception.recipients['all@talk.test'][1])
        self.names.add('talk.test', 'TXT', text)
        self.mail.ctl('domain', 'verify', 'talk.test')
        with self.mail.smtp() as s:
            s.sendmail('a@b.test', ['all@talk.test'], message('hello'))
        wait_until(lambda: any('<y@far.test>' in m[1] for m in self.peer.messages))


if __name__ == '__main__':
    harness.main(__name__)
