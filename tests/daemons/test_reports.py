"""Aggregate reports: those of others about our domains, and ours about theirs."""
import base64
import gzip
import io
import json
import time
import unittest
import zipfile

import harness
from instance import DOMAIN, Instance, message

DAY = 86400


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError('it does not come')
        time.sleep(0.05)


def xml(ident, rows, domain=DOMAIN, age=1):
    """A report of DMARC; rows: (ip, count, disposition, dkim, spf)."""
    begin = (int(time.time()) // DAY - age) * DAY
    records = ''.join(
        f'<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>'
        f'<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>'
        f'</policy_evaluated></row><identifiers><header_from>{domain}</header_from>'
        f'</identifiers><auth_results/></record>' for ip, count, disposition, dkim, spf in rows)
    return (f'<?xml version="1.0"?><feedback><report_metadata><org_name>big.test</org_name>'
            f'<email>a@big.test</email><report_id>{ident}</report_id><date_range><begin>{begin}'
            f'</begin><end>{begin + DAY - 1}</end></date_range></report_metadata>'
            f'<policy_published><domain>{domain}</domain><p>reject</p></policy_published>'
            f'{records}</feedback>').encode()


def tls(ident, good, bad, domain=DOMAIN):
    day = time.strftime('%Y-%m-%d', time.gmtime(time.time() - DAY))
    return json.dumps({
        'organization-name': 'Big', 'report-id': ident, 'contact-info': 'a@big.test',
        'date-range': {'start-datetime': f'{day}T00:00:00Z', 'end-datetime': f'{day}T23:59:59Z'},
        'policies': [{'policy': {'policy-type': 'sts', 'policy-domain': domain},
                      'summary': {'total-successful-session-count': good,
                                  'total-failure-session-count': bad},
                      'failure-details': [{'result-type': 'certificate-expired',
                                           'receiving-mx-hostname': 'mx.' + domain,
                                           'failed-session-count': bad}]}]}).encode()


def mail(octets, kind='application/gzip', to=f'dmarc@{DOMAIN}'):
    text = base64.encodebytes(octets).decode().replace('\n', '\r\n')
    return (f'From: a@big.test\r\nTo: {to}\r\nSubject: a report\r\nMIME-Version: 1.0\r\n'
            f'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'
            f'Content-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: {kind}\r\n'
            f'Content-Transfer-Encoding: base64\r\n\r\n{text}\r\n--b--\r\n')


class Receiving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(pop3=False)
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def deliver(self, text, to=f'dmarc@{DOMAIN}', sender='a@big.test'):
        with self.mail.smtp() as s:
            s.sendmail(sender, to, text)

    def reports(self, *args):
        return json.loads(self.mail.ctl('reports', *args, '--json'))

    def bad(self, reason):
        return sum(b['count'] for b in self.reports('list')['bad'] if b['reason'] == reason)

    def good(self, kind='dmarc', domain=DOMAIN):
        return sum(d['good'] + d['bad'] for d in self.reports('list')['domains']
                   if d['kind'] == kind and d['domain'] == domain)

    def test_reports_are_read_and_shown(self):
        before = self.good()
        self.deliver(mail(gzip.compress(xml('one', [('192.0.2.1', 5, 'none', 'pass', 'fail'),
                                                   ('192.0.2.9', 2, 'reject', 'fail', 'fail')]))))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as z:
            z.writestr('r.xml', xml('two', [('192.0.2.1', 7, 'none', 'pass', 'fail')], age=2))
        self.deliver(mail(packed.getvalue(), 'application/zip'))
        wait_until(lambda: self.good() == before + 14)
        shown = self.reports('show', DOMAIN)['dmarc']
        self.assertIn({'source_ip': '192.0.2.1', 'count': 12, 'dkim': 'pass', 'spf': 'fail',
                       'disposition': 'none'}, shown['sources'])
        self.assertIn({'source_ip': '192.0.2.9', 'count': 2, 'dkim': 'fail', 'spf': 'fail',
                       'disposition': 'reject'}, shown['sources'])
        self.assertEqual({r['id'] for r in shown['reports']} & {'one', 'two'}, {'one', 'two'})
        text = self.mail.ctl('reports', 'show', DOMAIN)
        self.assertRegex(text, r'DMARC: \d+ reports, \d+ messages passed, \d+ failed\n')
        self.assertRegex(text, r'12  192\.0\.2\.1 +dkim pass  spf fail  none\n')
        # yesterday alone
        shown = self.reports('show', DOMAIN, '--days', '2')['dmarc']
        self.assertIn({'source_ip': '192.0.2.1', 'count': 5, 'dkim': 'pass', 'spf': 'fail',
                       'disposition': 'none'}, shown['sources'])

    def test_reports_about_tls_too(self):
        self.deliver(mail(gzip.compress(tls('t1', 30, 4)), 'application/tlsrpt+gzip',
                          f'tlsrpt@{DOMAIN}'), f'tlsrpt@{DOMAIN}')
        wait_until(lambda: self.good('tls') == 34)
        shown = self.reports('show', DOMAIN)['tls']
        self.assertEqual(shown['policies'], [{'policy': 'sts', 'good': 30, 'bad': 4}])
        self.assertEqual(shown['failures'], [
            {'policy': 'sts', 'type': 'certificate-expired', 'hostname': f'mx.{DOMAIN}',
             'reason': '', 'count': 4}])

    def test_the_same_one_counts_once(self):
        text = mail(xml('again', [('192.0.2.3', 3, 'none', 'pass', 'pass')]), 'text/xml')
        before, again = self.good(), self.bad('it came before')
        self.deliver(text)
        self.deliver(text)
        wait_until(lambda: self.bad('it came before') == again + 1)
        self.assertEqual(self.good(), before + 3)

    def test_others_and_broken_ones_are_named(self):
        cases = [
            ('it is not about a domain of this server',
             mail(xml('x', [('192.0.2.1', 1, 'none', 'pass', 'pass')], 'other.test'), 'text/xml')),
            ('it is not well-formed', mail(b'<feedback><a></b></feedback>', 'text/xml')),
            ('it cannot be unpacked', mail(gzip.compress(b'<feedback/>')[:-9])),
            ('there is no report in it', message('hello')),
            ('it is too old, or of the future',
             mail(xml('old', [('192.0.2.1', 1, 'none', 'pass', 'pass')], age=60), 'text/xml')),
            ('it is too large', mail(gzip.compress(b' ' * (40 << 20)))),
            ('it is too large', mail(b'<feedback>' + b'<a>' * 100000, 'text/xml'))]
        for reason, text in cases:
            before = self.bad(reason)
            self.deliver(text)
            wait_until(lambda: self.bad(reason) == before + 1)
        self.assertIn('not taken: it is not well-formed', self.mail.ctl('reports', 'list'))

    def test_many_rows_end_at_a_limit(self):
        rows = [(f'10.{i >> 16}.{i >> 8 & 255}.{i & 255}', 1, 'none', 'pass', 'pass')
                for i in range(10000)]
        before = self.good()
        self.deliver(mail(gzip.compress(xml('many', rows, age=20))))
        wait_until(lambda: self.good() == before + 10000)
        shown = self.reports('show', DOMAIN, '--days', '30')['dmarc']
        self.assertEqual(shown['dropped'], 8000)

    def test_a_mailbox_keeps_what_is_read(self):
        self.mail.ctl('alias', 'add', f'dmarc@{DOMAIN}', f'alice@{DOMAIN}')
        try:
            before = self.good()
            self.deliver(mail(xml('kept', [('192.0.2.4', 6, 'none', 'pass', 'pass')]), 'text/xml'))
            wait_until(lambda: self.good() == before + 6)
            with self.mail.imap('alice') as imap:
                imap.select('INBOX')
                self.assertNotEqual(imap.search(None, 'SUBJECT', '"a report"')[1], [b''])
        finally:
            self.mail.ctl('alias', 'remove', f'dmarc@{DOMAIN}')

    def test_nothing_is_lost_when_it_is_killed(self):
        before = self.good()
        for i in range(5):
            self.deliver(mail(xml(f'kill{i}', [('192.0.2.5', 1, 'none', 'pass', 'pass')]),
                              'text/xml'))
        self.mail.kill('smtpd')
        self.mail.start('smtpd')
        self.mail.wait_ready()
        wait_until(lambda: self.good() == before + 5)
        self.assertEqual(self.reports('list')['waiting'], 0)
        self.mail.ctl('store', 'check')

    def test_other_names_are_no_mailboxes(self):
        with self.mail.smtp() as s:
            s.ehlo()
            s.mail('a@big.test')
            self.assertEqual(s.rcpt(f'dmarcs@{DOMAIN}')[0], 550)
            self.assertEqual(s.rcpt('dmarc@other.test')[0], 550)
            self.assertEqual(s.rcpt(f'DMARC+x@{DOMAIN}')[0], 250)

    def test_words_of_the_command(self):
        for args, text in ((('list', '--days', '0'), '--days is a number from 1 to 90'),
                           (('send-now', '--day', '2026-13-01'), '--day is a date'),
                           (('send-now', '--day', '2999-01-01'), 'is not here yet')):
            with self.assertRaisesRegex(RuntimeError, text):
                self.mail.ctl('reports', *args)
        self.assertEqual(self.reports('pending')['reports'], [])
        self.assertIn('nothing waits to be sent', self.mail.ctl('reports', 'pending'))
        self.assertEqual(self.reports('send-now')['changed'], 0)


class Closed(unittest.TestCase):
    def test_without_receiving_there_is_no_address(self):
        with Instance(settings='reports:\n  receive: no\n', pop3=False,
                      daemons=('smtpd', 'acmed')) as box:
            with box.smtp() as s:
                s.ehlo()
                s.mail('a@big.test')
                self.assertEqual(s.rcpt(f'dmarc@{DOMAIN}')[0], 550)


if __name__ == '__main__':
    harness.main(__name__)
