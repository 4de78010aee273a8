"""Mailing lists and groups, with members here and on other servers."""
import base64
import email
import json
import re
import smtplib
import time
import unittest

import harness
from instance import DOMAIN, Instance
from peers import MailServer, Names, dkim_pass
from test_sending import RETRY, wait_until

LIST = f'news@{DOMAIN}'


def text(subject, sender=f'alice@{DOMAIN}', to=LIST, extra='', body='Hello.\r\n'):
    return (f'{extra}From: <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\n'
            f'Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@example.net>\r\n'
            f'\r\n{body}').encode()


def returned(address, why):
    """A report of another server about somebody's copy."""
    return ('From: <mailer-daemon@there.test>\r\nTo: <x@y.test>\r\nSubject: failed\r\n'
            'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;'
            ' boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: '
            'message/delivery-status\r\n\r\nReporting-MTA: dns; mx.there.test\r\n\r\n'
            f'Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: '
            f'{why.split()[0]}\r\nDiagnostic-Code: smtp; 550 {why}\r\n\r\n--b--\r\n').encode()


def signed_well(mail, octets):
    """Is the RSA signature of a message good?"""
    keys = json.loads(mail.ctl('domain', 'dkim', DOMAIN, '--json'))['dkim']
    rsa = [i for i, x in enumerate(re.findall(rb'a=([^;]+);', octets)) if x == b'rsa-sha256'][0]
    selector = re.findall(rb's=([^;]+);', octets)[rsa].decode()
    record = [k for k in keys if k['selector'] == selector][0]['value']
    return dkim_pass(octets, rsa, base64.b64decode(record.split('p=')[1]))


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.mail = Instance(settings=RETRY % cls.port + cls.names.settings(), pop3=False)
        cls.mail.__enter__()
        cls.there = MailServer('127.0.0.5', cls.port)
        cls.there.replies['RCPT'] = lambda line: '550 5.1.1 no' if 'gone' in line else None
        cls.names.add('there.test', 'MX', '10 mx.there.test')
        cls.names.add('mx.there.test', 'A', '127.0.0.5')

    @classmethod
    def tearDownClass(cls):
        cls.there.stop()
        cls.mail.__exit__(None, None, None)

    def setUp(self):
        self.there.messages.clear()
        self.mail.ctl('list', 'add', LIST, f'alice@{DOMAIN},bob@{DOMAIN}', 'x@there.test',
                      '--title', 'All "the" news')

    def tearDown(self):
        self.mail.ctl('list', 'remove', LIST, '--confirm')

    def found(self, name, subject):
        """Messages with a subject in a mailbox."""
        c = self.mail.imap(name)
        c.select()
        numbers = c.search(None, 'SUBJECT', subject)[1][0].split()
        all_ = [email.message_from_bytes(c.fetch(n.decode(), '(BODY.PEEK[])')[1][0][1])
                for n in numbers]
        c.logout()
        return all_

    def there_with(self, subject):
        return [m for m in self.there.messages if f'Subject: {subject}\r\n'.encode() in m[2]]

    def test_a_user_writes_to_a_list_and_to_somebody(self):
        with self.mail.submission('alice') as s:
            s.sendmail(f'alice@{DOMAIN}', [LIST, 'y@there.test'], text('one', to=f'{LIST}, y@there.test'))
        wait_until(lambda: len(self.there_with('one')) == 2)
        wait_until(lambda: self.found('alice', 'one') and self.found('bob', 'one'))
        copies = {m[1][0].split()[0]: m for m in self.there_with('one')}
        self.assertNotIn(b'List-Id', copies['<y@there.test>'][2])
        sender, _, octets, _ = copies['<x@there.test>']
        self.assertRegex(sender, rf'^<SRS0=[^>]*={re.escape(DOMAIN)}=news@{re.escape(DOMAIN)}>')
        m = email.message_from_bytes(octets)
        self.assertEqual(m['List-Id'], f'"All \\"the\\" news" <news.{DOMAIN}>')
        self.assertEqual(m['List-Post'], f'<mailto:{LIST}>')
        self.assertEqual(m['Precedence'], 'list')
        self.assertEqual(m['Delivered-To'], LIST)
        self.assertIn(b'DKIM-Signature', octets)
        self.assertNotIn(b'Return-Path', octets)
        for name in ('alice', 'bob'):
            got = self.found(name, 'one')
            self.assertEqual(len(got), 1)
            self.assertEqual(got[0]['List-Id'], m['List-Id'])
            self.assertEqual(got[0]['Return-Path'], sender.split('>')[0] + '>')
            self.assertEqual(got[0].get_payload(), 'Hello.\r\n')
            self.assertIsNone(got[0]['DKIM-Signature'])

    def test_who_is_named_gets_one_copy(self):
        self.mail.ctl('alias', 'add', f'robert@{DOMAIN}', f'bob@{DOMAIN}')
        self.addCleanup(self.mail.ctl, 'alias', 'remove', f'robert@{DOMAIN}')
        everybody = f'{LIST}, Bob <robert@{DOMAIN}>\r\nCc: X@there.test'
        with self.mail.smtp() as s:
            s.sendmail('joe@there.test', [LIST, f'robert@{DOMAIN}'], text('two', 'joe@there.test', everybody))
        wait_until(lambda: self.found('alice', 'two'))
        time.sleep(0.5)
        self.assertEqual(len(self.found('bob', 'two')), 1)
        self.assertIsNone(self.found('bob', 'two')[0]['List-Id'])
        self.assertFalse(self.there_with('two'))

    def test_members_only(self):
        self.mail.ctl('list', 'set', LIST, '--members-only', 'on')
        with self.mail.smtp() as s:
            s.ehlo()
            s.mail('joe@there.test')
            code, said = s.rcpt(LIST)
            self.assertEqual((code, said[:5]), (550, b'5.7.1'))
            s.rset()
            with self.assertRaises(smtplib.SMTPDataError) as raised:  # From is another's
                s.sendmail('x@there.test', [LIST], text('three', 'joe@there.test'))
            self.assertEqual(raised.exception.smtp_code, 550)
            self.assertIn(b'5.7.1', raised.exception.smtp_error)
            with self.assertRaises(smtplib.SMTPDataError):  # and one without an author
                s.sendmail('x@there.test', [LIST], b'Subject: three\r\n\r\nx\r\n')
            s.sendmail('X@there.test', [LIST], text('four', 'x@There.test'))
        wait_until(lambda: self.found('bob', 'four'))
        self.assertFalse(self.found('bob', 'three'))
        with self.mail.submission('bob') as s:
            s.sendmail(f'bob+tag@{DOMAIN}', [LIST], text('five', f'bob@{DOMAIN}'))
        wait_until(lambda: self.found('alice', 'five'))

    def test_nothing_goes_round(self):
        for extra in (f'List-Id: the news <news.{DOMAIN}>\r\n', f'Delivered-To: {LIST}\r\n',
                      f'Delivered-To: <{LIST.upper()}>\r\n'):
            with self.mail.smtp() as s, self.assertRaises(smtplib.SMTPDataError) as raised:
                s.sendmail('joe@there.test', [LIST], text('six', 'joe@there.test', extra=extra))
            self.assertEqual(raised.exception.smtp_code, 554)
            self.assertIn(b'5.4.6', raised.exception.smtp_error)
        self.mail.ctl('alias', 'add', f'away@{DOMAIN}', 'z@there.test')
        self.addCleanup(self.mail.ctl, 'alias', 'remove', f'away@{DOMAIN}')
        with self.mail.smtp() as s:
            s.sendmail('joe@there.test', [f'away@{DOMAIN}'], text('seven', 'joe@there.test'))
            wait_until(lambda: self.there_with('seven'))
            octets = self.there_with('seven')[0][2]
            self.assertTrue(octets.startswith(f'Delivered-To: away@{DOMAIN}\r\n'.encode()), octets[:80])
            with self.assertRaises(smtplib.SMTPDataError) as raised:  # it comes back
                s.sendmail('joe@there.test', [f'away@{DOMAIN}'], octets)
            self.assertEqual(raised.exception.smtp_code, 554)
            # a mailbox takes what another server delivered before
            s.sendmail('joe@there.test', [f'bob@{DOMAIN}'],
                       text('eight', 'joe@there.test', extra=f'Delivered-To: bob@{DOMAIN}\r\n'))
        self.assertTrue(self.found('bob', 'eight'))

    def test_bounces_go_to_the_owner(self):
        self.mail.ctl('list', 'set', LIST, '--owner', f'bob@{DOMAIN}')
        self.mail.ctl('list', 'members', 'add', LIST, 'gone@there.test')
        with self.mail.smtp() as s:
            s.sendmail('joe@there.test', [LIST], text('nine', 'joe@there.test'))
        wait_until(lambda: self.there_with('nine'))

        def reports():
            return [m for m in self.found('bob', 'Undelivered') + self.found('bob', 'nine')
                    if b'gone@there.test' in bytes(m) and m.get_content_type() == 'multipart/report']
        wait_until(reports)
        path = re.match(r'<([^>]*)>', self.there_with('nine')[0][0])[1]
        with self.mail.smtp() as s:  # and one that another server makes
            s.sendmail('', [path], text('bounced', 'mailer-daemon@there.test'))
            s.ehlo()
            s.mail('')
            self.assertEqual(s.rcpt(LIST)[0], 550)
            s.rset()
            s.mail('joe@there.test')
            self.assertEqual(s.rcpt(path)[0], 550)
        wait_until(lambda: self.found('bob', 'bounced'))
        self.assertFalse(self.found('alice', 'bounced'))
        self.assertFalse(self.there_with('bounced'))
        # counted by member: what was refused, and what came back later
        with self.mail.smtp() as s:
            s.sendmail('', [path], returned('x@there.test', '4.2.2 full'))
            s.sendmail('', [path], returned('Gone@there.test', '5.1.1 no more'))
        wait_until(lambda: len(self.bounces()) == 2)
        self.mail.ctl('list', 'members', 'remove', LIST, 'x@there.test')
        self.assertEqual(self.bounces(), {
            'gone@there.test': (2, True, '550 5.1.1 no more'),
            'x@there.test': (1, False, '550 4.2.2 full')})
        self.assertRegex(self.mail.ctl('list', 'bounces', LIST),
                         r'gone@there\.test +2, the last one 20.*: 550 5\.1\.1 no more\n')
        self.mail.ctl('list', 'add', f'quiet@{DOMAIN}', f'alice@{DOMAIN}')
        self.addCleanup(self.mail.ctl, 'list', 'remove', f'quiet@{DOMAIN}', '--confirm')
        self.assertEqual(self.mail.ctl('list', 'bounces', f'quiet@{DOMAIN}'),
                         'no copy failed in 30 days\n')

    def bounces(self):
        """address: (failures, is it a member, the last reason)"""
        shown = json.loads(self.mail.ctl('list', 'bounces', LIST, '--json'))['failures']
        return {f['address']: (f['failures'], f['member'], f['reason']) for f in shown}

    def test_inner_destinations_are_no_domains(self):
        with self.mail.submission('alice') as s:
            s.mail(f'alice@{DOMAIN}')
            for name in ('lists', 'Delivered', 'expanded'):
                self.assertEqual(s.rcpt(f'news@{name}.invalid')[0], 550)
            self.assertEqual(s.rcpt('x@elsewhere.invalid')[0], 250)
            s.rset()

    def test_no_relay_takes_a_list(self):
        relay = MailServer('127.0.0.6')
        self.addCleanup(relay.stop)
        self.mail.ctl('relay', 'add', 'all', f'127.0.0.6:{relay.port}', '--tls', 'offered')
        self.addCleanup(self.mail.ctl, 'relay', 'remove', 'all')
        with self.mail.submission('alice') as s:
            s.sendmail(f'alice@{DOMAIN}', [LIST], text('relayed'), [], ['NOTIFY=SUCCESS'])
        wait_until(lambda: relay.messages and self.found('bob', 'relayed'))
        self.assertEqual([p.split()[0] for m in relay.messages for p in m[1]], ['<x@there.test>'])
        self.assertIn(b'List-Id', relay.messages[0][2])
        self.mail.ctl('relay', 'set', 'all', '--connections', '3')
        wait_until(lambda: self.reports('alice', 'relayed'))

    def reports(self, name, subject):
        """{recipient: action} of the reports about a message, in a mailbox."""
        told = {}
        for m in self.found(name, subject):
            if m.get_content_type() == 'multipart/report':
                for block in m.get_payload()[1].get_payload()[1:]:
                    told.setdefault(block['Final-Recipient'].split(';')[1].strip(), []).append(block['Action'])
        return told

    def test_success_is_told_once(self):
        self.mail.ctl('alias', 'add', f'two@{DOMAIN}', f'bob@{DOMAIN}', 'a@there.test')
        self.addCleanup(self.mail.ctl, 'alias', 'remove', f'two@{DOMAIN}')
        self.mail.ctl('alias', 'add', f'one@{DOMAIN}', f'bob@{DOMAIN}')
        self.addCleanup(self.mail.ctl, 'alias', 'remove', f'one@{DOMAIN}')
        self.mail.ctl('alias', 'add', f'far@{DOMAIN}', 'b@there.test')
        self.addCleanup(self.mail.ctl, 'alias', 'remove', f'far@{DOMAIN}')
        self.mail.ctl('group', 'add', f'team@{DOMAIN}', f'bob@{DOMAIN}')
        self.addCleanup(self.mail.ctl, 'group', 'remove', f'team@{DOMAIN}', '--confirm')
        to = [f'{n}@{DOMAIN}' for n in ('bob', 'two', 'one', 'far', 'team', 'news')]
        with self.mail.submission('alice') as s:
            s.sendmail(f'alice@{DOMAIN}', to, text('success', to=f'bob@{DOMAIN}'),
                       ['RET=HDRS', 'ENVID=QQ314'], ['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;x@y.test'])
            s.sendmail(f'alice@{DOMAIN}', to, text('quiet', to=f'bob@{DOMAIN}'), [], ['NOTIFY=FAILURE'])
            s.sendmail(f'alice@{DOMAIN}', to, text('default', to=f'bob@{DOMAIN}'))
        with self.mail.smtp() as s:  # to another server, and to nobody
            s.sendmail('joe@there.test', [f'bob@{DOMAIN}'], text('outer', 'joe@there.test'), [], ['NOTIFY=SUCCESS'])
            s.sendmail('', [f'bob@{DOMAIN}'], text('nobody', 'joe@there.test'), [], ['NOTIFY=SUCCESS'])
        wait_until(lambda: len(self.reports('alice', 'success')) == 5)
        self.assertEqual(self.reports('alice', 'success'), {
            f'bob@{DOMAIN}': ['delivered'], f'one@{DOMAIN}': ['delivered'], f'two@{DOMAIN}': ['expanded'],
            f'team@{DOMAIN}': ['expanded'], LIST: ['delivered']})
        report = [m for m in self.found('alice', 'success') if m.get_content_type() == 'multipart/report'][0]
        status = report.get_payload()[1].get_payload()
        self.assertEqual(status[0]['Original-Envelope-Id'], 'QQ314')
        self.assertEqual(status[1]['Original-Recipient'], 'rfc822; x@y.test')
        self.assertTrue(status[1]['Status'].startswith('2.'))
        self.assertEqual(report['Return-Path'], '<>')
        wait_until(lambda: [m for m in self.there.messages if b'multipart/report' in m[2] and b'outer' in m[2]])
        outer = [m for m in self.there.messages if b'multipart/report' in m[2]]
        self.assertEqual(len(outer), 1)
        self.assertTrue(outer[0][0].startswith('<>'))
        self.assertEqual(outer[0][1][0].split()[0], '<joe@there.test>')
        self.assertIn(b'DKIM-Signature', outer[0][2])
        wait_until(lambda: self.there_with('success') and self.there_with('quiet'))
        lines = [line for line in self.there.lines if line.startswith('RCPT TO:<')]
        self.assertIn('RCPT TO:<b@there.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y.test', lines)
        self.assertIn('RCPT TO:<a@there.test> NOTIFY=FAILURE ORCPT=rfc822;x@y.test', lines)
        time.sleep(0.5)
        for subject in ('quiet', 'default', 'nobody'):
            self.assertFalse(self.reports('alice', subject) or self.reports('bob', subject))
        wait_until(lambda: not json.loads(self.mail.ctl('queue', 'list', '--json'))['messages'])

    def test_the_signature_of_a_domain(self):
        path = self.mail.folder + '/signature'
        with open(path, 'w') as f:
            f.write('Firma Gro\u00df\n')
        self.mail.ctl('domain', 'set', DOMAIN, '--signature', path)
        self.addCleanup(self.mail.ctl, 'domain', 'set', DOMAIN, '--no-signature')
        with self.mail.submission('alice') as s:
            s.sendmail(f'alice@{DOMAIN}', [f'bob@{DOMAIN}'], text('inside', to=f'bob@{DOMAIN}'))
            s.sendmail(f'alice@{DOMAIN}', ['y@there.test'], text('outside', to='y@there.test'))
            big = (b'Subject: big\r\nFrom: alice@' + DOMAIN.encode() + b'\r\nMIME-Version: 1.0\r\n'
                   b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n--b\r\n'
                   b'Content-Type: application/x\r\n\r\n' + (b'x' * 70 + b'\r\n') * 20000 + b'--b--\r\n')
            s.sendmail(f'alice@{DOMAIN}', ['y@there.test'], big)
            s.sendmail(f'alice@{DOMAIN}', ['y@there.test'],
                       text('large', body=('x' * 70 + '\r\n') * 20000))
            s.sendmail(f'alice@{DOMAIN}', ['y@there.test'], text('sealed', body='-----BEGIN PGP MESSAGE-----\r\n'))
        wait_until(lambda: all(self.there_with(w) for w in ('outside', 'big', 'large', 'sealed')), 60)
        self.assertEqual(self.found('bob', 'inside')[0].get_payload(), 'Hello.\r\n')
        octets = self.there_with('outside')[0][2]
        self.assertEqual(email.message_from_bytes(octets).get_payload(decode=True).decode(),
                         'Hello.\r\n\r\nFirma Gro\u00df\r\n')
        self.assertEqual(octets.count(b'Subject:'), 1)
        self.assertTrue(signed_well(self.mail, octets))
        octets = self.there_with('big')[0][2]
        parts = email.message_from_bytes(octets).get_payload()
        self.assertIn('Firma', parts[0].get_payload(decode=True).decode())
        self.assertEqual(len(parts[1].get_payload()), 72 * 20000 - 2)
        self.assertTrue(signed_well(self.mail, octets))
        self.assertTrue(signed_well(self.mail, self.there_with('large')[0][2]))
        for subject in ('large', 'sealed'):
            self.assertNotIn(b'Firma', self.there_with(subject)[0][2])
        listed = json.loads(self.mail.ctl('domain', 'list', '--json'))['domains'][0]
        self.assertEqual(listed['signature'], 'Firma Gro\u00df\n')

    def test_groups(self):
        self.mail.ctl('group', 'add', f'team@{DOMAIN}', f'alice@{DOMAIN}')
        self.addCleanup(self.mail.ctl, 'group', 'remove', f'team@{DOMAIN}', '--confirm')
        self.mail.ctl('group', 'add', f'all@{DOMAIN}', f'team@{DOMAIN}', f'bob@{DOMAIN}')
        self.addCleanup(self.mail.ctl, 'group', 'remove', f'all@{DOMAIN}', '--confirm')
        self.mail.ctl('group', 'members', 'add', f'team@{DOMAIN}', f'all@{DOMAIN}')
        with self.mail.smtp() as s:
            s.sendmail('joe@there.test', [f'all@{DOMAIN}', f'team@{DOMAIN}'],
                       text('ten', 'joe@there.test', f'all@{DOMAIN}'))
        for name in ('alice', 'bob'):
            got = self.found(name, 'ten')
            self.assertEqual(len(got), 1)
            self.assertIsNone(got[0]['List-Id'])
        with self.mail.submission('alice') as s:
            self.assertEqual(s.mail(f'team@{DOMAIN}')[0], 553)

    def test_a_large_message_and_many_members(self):
        members = [f'm{i}@there.test' for i in range(500)]
        for i in range(0, 500, 25):
            self.mail.ctl('list', 'members', 'add', LIST, ','.join(members[i:i + 25]))
        body = ('x' * 70 + '\r\n') * 20000
        with self.mail.smtp() as s:
            s.sendmail('joe@there.test', [LIST], text('eleven', 'joe@there.test', body='short\r\n'))
            s.sendmail('joe@there.test', [LIST], text('twelve', 'joe@there.test', f'Bob <bob@{DOMAIN}>\r\nCc: '
                                                      + ',\r\n '.join(members), body=body))

        def got(subject):
            return {p for m in self.there_with(subject) for p in m[1]}
        wait_until(lambda: len(got('eleven')) == 501, 60)
        wait_until(lambda: self.found('alice', 'twelve'), 60)
        wait_until(lambda: got('twelve'), 60)
        self.assertEqual({p.split()[0] for p in got('twelve')}, {'<x@there.test>'})
        self.assertEqual(self.found('alice', 'twelve')[0].get_payload(), body)
        self.assertFalse(self.found('bob', 'twelve'))
        wait_until(lambda: not json.loads(self.mail.ctl('queue', 'list', '--json'))['messages'])

    def test_a_list_that_goes_meanwhile_is_told(self):
        self.mail.ctl('list', 'add', f'short@{DOMAIN}', f'bob@{DOMAIN}')
        with self.mail.submission('alice') as s:
            s.mail(f'alice@{DOMAIN}')
            self.assertEqual(s.rcpt(f'short@{DOMAIN}')[0], 250)
            self.mail.ctl('list', 'remove', f'short@{DOMAIN}', '--confirm')
            self.assertEqual(s.data(text('thirteen', to=f'short@{DOMAIN}'))[0], 250)
        wait_until(lambda: [m for m in self.found('alice', 'thirteen')
                            if m.get_content_type() == 'multipart/report'])
        self.assertFalse(self.found('bob', 'thirteen'))


if __name__ == '__main__':
    harness.main('__main__')
