"""Aggregate reports: those of others about our domains, and ours about theirs."""
import base64
import email
import gzip
import io
import json
import re
import smtplib
import time
import unittest
import zipfile

import harness
from instance import DOMAIN, Instance, message
from peers import MailServer, Names, WebServer, dkim_pass, http

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


SENDING = '''reports:
  dmarc: yes
  tls: yes
  organization: Example & Sons
sending:
  port: %d
  retry_seconds: 1
  retry_max_seconds: 2
'''


class Sending(unittest.TestCase):
    """Each test has domains of its own; clients have addresses 127.0.21.x."""

    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.mail = Instance(settings=SENDING % cls.port +
                            cls.names.settings('test', '127.in-addr.arpa'), pop3=False,
                            believes_own=True)
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def peer(self, address, *domains, **kwargs):
        p = MailServer(address, self.port, **kwargs)
        self.addCleanup(p.stop)
        for domain in domains:
            self.names.add(domain, 'MX', f'10 mx.{domain}')
            self.names.add(f'mx.{domain}', 'A', address)
        return p

    def deliver(self, domain, text=None, client=1, to=f'alice@{DOMAIN}', sender=None):
        """A message from a domain; the answer to it."""
        s = smtplib.SMTP('127.0.0.1', self.mail.ports['smtp'], 'mail.' + domain,
                         source_address=(f'127.0.21.{client}', 0), timeout=30)
        with s:
            s.ehlo()
            s.mail(sender or f'someone@{domain}')
            s.rcpt(to)
            return s.data(text or message('hello', sender=f'someone@{domain}'))[0]

    def pending(self, domain, kind='dmarc'):
        """What is known of a domain's day, or None."""
        for r in json.loads(self.mail.ctl('reports', 'pending', '--all', '--json'))['reports']:
            if (r['domain'], r['kind']) == (domain, kind):
                return r
        return None

    def wait_seen(self, domain, seen, kind='dmarc'):
        wait_until(lambda: (self.pending(domain, kind) or {}).get('seen') == seen)

    def send_now(self, domain):
        self.mail.ctl('reports', 'send-now', domain, '--day',
                      time.strftime('%Y-%m-%d', time.gmtime()))

    def wait_state(self, domain, state, kind='dmarc'):
        wait_until(lambda: self.pending(domain, kind)['state'] == state)
        return self.pending(domain, kind)

    def public(self, selector):
        keys = json.loads(self.mail.ctl('domain', 'dkim', DOMAIN, '--json'))['dkim']
        return base64.b64decode(next(k['value'] for k in keys if k['selector'] == selector)
                                .rsplit('p=', 1)[1])

    def signed_well(self, octets):
        selectors = [x.decode() for x in re.findall(rb'[ ;\t]s=([^;]+);', octets)]
        rsa = next(i for i, x in enumerate(selectors) if not x.endswith('e'))
        return dkim_pass(octets, rsa, self.public(selectors[rsa]))

    def unpack(self, octets, kind):
        m = email.message_from_bytes(octets)
        part = next(p for p in m.walk() if p.get_content_type() == kind)
        return m, gzip.decompress(part.get_payload(decode=True)).decode(), part.get_filename()

    def test_dmarc_is_reported_to_those_who_may_have_it(self):
        peer = self.peer('127.0.22.1', 'rep.test', 'else.test', 'third.test')
        self.names.add('_dmarc.rep.test', 'TXT', 'v=DMARC1; p=none; sp=reject; rua=mailto:r@rep.test,'
                       'mailto:out@else.test,mailto:no@third.test,https://rep.test/x')
        self.names.add('rep.test._report._dmarc.else.test', 'TXT', 'v=DMARC1')
        self.names.add('rep.test', 'TXT', 'v=spf1 ip4:127.0.21.1 -all')
        for client in (1, 1, 2):
            self.assertEqual(self.deliver('rep.test', client=client), 250)
        self.wait_seen('rep.test', 3)
        self.send_now('rep.test')
        wait_until(lambda: len(peer.messages) >= 2)
        state = self.wait_state('rep.test', 'sent')
        self.assertEqual(state['reason'], 'r@rep.test out@else.test')
        self.assertEqual(sorted(t.split()[0] for m in peer.messages for t in m[1]),
                         ['<out@else.test>', '<r@rep.test>'])
        for sender, _, octets, _ in peer.messages:
            self.assertTrue(sender.startswith('<>'), sender)
            self.assertTrue(self.signed_well(octets))
            m, text, name = self.unpack(octets, 'application/gzip')
            self.assertEqual(m['From'], f'<postmaster@{DOMAIN}>')
            self.assertEqual(m['Auto-Submitted'], 'auto-generated')
            self.assertRegex(re.sub(r'\s+', ' ', m['Subject']),
                             rf'^Report Domain: rep.test Submitter: {DOMAIN} Report-ID: <[^<>]+>$')
            self.assertRegex(name, rf'^{DOMAIN}!rep\.test!\d+!\d+\.xml\.gz$')
            self.assertIn('<org_name>Example &amp; Sons</org_name>', text)
            self.assertIn('<p>none</p>', text)
            self.assertIn('<sp>reject</sp>', text)
            rows = re.findall(r'<source_ip>(.*?)</source_ip>\s*<count>(\d+)</count>.*?<spf>(.*?)<',
                              text, re.S)
            self.assertEqual(sorted(rows), [('127.0.21.1', '2', 'pass'), ('127.0.21.2', '1', 'fail')])
        # once, whatever happens
        self.send_now('rep.test')
        self.mail.kill('smtpd')
        self.mail.start('smtpd')
        self.mail.wait_ready()
        time.sleep(2)
        self.assertEqual(len(peer.messages), 2)
        self.mail.ctl('store', 'check')

    def test_reports_are_not_reported(self):
        """Two servers that report to each other come to an end."""
        peer = self.peer('127.0.22.2', 'loop.test')
        self.names.add('_dmarc.loop.test', 'TXT', 'v=DMARC1; p=none; rua=mailto:r@loop.test')
        self.deliver('loop.test')
        self.wait_seen('loop.test', 1)
        self.send_now('loop.test')
        wait_until(lambda: peer.messages)
        theirs = peer.messages[0][2].decode().replace(
            f'postmaster@{DOMAIN}', 'postmaster@loop.test').replace(
            f'Submitter: {DOMAIN}', 'Submitter: loop.test')
        self.assertEqual(self.deliver('loop.test', theirs, to=f'dmarc@{DOMAIN}', sender=''), 250)
        self.assertEqual(self.deliver('loop.test', theirs, sender=''), 250)
        time.sleep(7)  # a batch has been written
        self.assertEqual(self.pending('loop.test')['seen'], 1)
        self.assertEqual(len(peer.messages), 1)

    def test_nobody_hears_of_a_report_that_fails(self):
        peer = self.peer('127.0.22.3', 'gone.test', replies={'RCPT': '550 5.1.1 nobody'})
        self.names.add('_dmarc.gone.test', 'TXT', 'v=DMARC1; p=none; rua=mailto:r@gone.test')
        self.deliver('gone.test')
        self.wait_seen('gone.test', 1)
        self.send_now('gone.test')
        wait_until(lambda: any(line.startswith('RCPT') for line in peer.lines))
        wait_until(lambda: 'the queue is empty' in self.mail.ctl('queue', 'list'))
        self.assertEqual(self.pending('gone.test')['state'], 'sent')
        with self.mail.imap('alice') as imap:
            imap.select('INBOX')
            self.assertEqual(imap.search(None, 'SUBJECT', '"delivery"')[1], [b''])
        self.assertFalse(peer.messages)

    def test_who_may_not_have_it_gets_nothing(self):
        peer = self.peer('127.0.22.4', 'shy.test', 'victim.test')
        self.names.add('_dmarc.shy.test', 'TXT', 'v=DMARC1; p=none; rua=mailto:r@victim.test')
        self.deliver('shy.test')
        self.wait_seen('shy.test', 1)
        self.send_now('shy.test')
        self.assertEqual(self.wait_state('shy.test', 'unwanted')['reason'],
                         'no address of its record may have it')
        self.assertFalse(peer.messages)

    def test_without_an_answer_it_is_put_off(self):
        peer = self.peer('127.0.22.5', 'dumb.test', 'silent.test')
        self.names.add('_dmarc.dumb.test', 'TXT', 'v=DMARC1; p=none; rua=mailto:r@silent.test')
        question = 'dumb.test._report._dmarc.silent.test'
        self.names.broken.add(question)
        self.deliver('dumb.test')
        self.wait_seen('dumb.test', 1)
        self.send_now('dumb.test')
        self.assertEqual(self.wait_state('dumb.test', 'put-off')['tries'], 1)
        self.names.broken.discard(question)
        self.names.add(question, 'TXT', 'v=DMARC1')
        for _ in range(4):  # a failure is remembered for some seconds
            if not peer.messages:
                time.sleep(6)
                self.send_now('dumb.test')
        wait_until(lambda: peer.messages)
        self.wait_state('dumb.test', 'sent')

    def test_a_report_about_ourselves_is_read(self):
        self.names.add(f'_dmarc.{DOMAIN}', 'TXT', f'v=DMARC1; p=none; rua=mailto:dmarc@{DOMAIN}')
        self.deliver('forger.test', message('hello', sender=f'alice@{DOMAIN}'), client=9)
        self.wait_seen(DOMAIN, 1)
        self.send_now(DOMAIN)
        self.wait_state(DOMAIN, 'sent')
        wait_until(lambda: json.loads(self.mail.ctl('reports', 'list', '--json'))['domains'])
        shown = json.loads(self.mail.ctl('reports', 'show', DOMAIN, '--json'))['dmarc']
        self.assertEqual([s['source_ip'] for s in shown['sources']], ['127.0.21.9'])
        self.assertEqual(shown['reports'][0]['organization'], 'Example & Sons')

    def send(self, to):
        """A message of a user to another server."""
        with self.mail.submission() as s:
            s.sendmail(f'alice@{DOMAIN}', [to], message('out', sender=f'alice@{DOMAIN}'))

    def sessions(self, text):
        """(policy type, successes, failures) of each policy in a report."""
        return [(p['policy']['policy-type'], p['summary']['total-successful-session-count'],
                 p['summary']['total-failure-session-count']) for p in json.loads(text)['policies']]

    def test_tls_is_reported_by_mail(self):
        peer = self.peer('127.0.22.6', 'tls.test',
                         tls=self.mail.ca.issue('tls', hosts=('mx.tls.test',)))
        self.names.add('_smtp._tls.tls.test', 'TXT', 'v=TLSRPTv1; rua=mailto:r@tls.test')
        self.send('x@tls.test')
        wait_until(lambda: peer.messages)
        self.wait_seen('tls.test', 1, 'tls')
        self.send_now('tls.test')
        wait_until(lambda: len(peer.messages) == 2)
        self.assertEqual(self.wait_state('tls.test', 'sent', 'tls')['reason'], 'r@tls.test')
        sender, _, octets, _ = peer.messages[1]
        self.assertTrue(sender.startswith('<>'), sender)
        self.assertTrue(self.signed_well(octets))
        m, text, name = self.unpack(octets, 'application/tlsrpt+gzip')
        self.assertEqual(m['TLS-Report-Domain'], 'tls.test')
        self.assertEqual(m['TLS-Report-Submitter'], DOMAIN)
        self.assertEqual(m['TLS-Required'], 'No')
        self.assertEqual(m.get_content_type(), 'multipart/report')
        self.assertEqual(m.get_param('report-type'), 'tlsrpt')
        self.assertRegex(name, rf'^{DOMAIN}!tls\.test!\d+!\d+\.json\.gz$')
        self.assertEqual(self.sessions(text), [('no-policy-found', 1, 0)])
        time.sleep(7)  # a batch has been written
        self.assertEqual(self.pending('tls.test', 'tls')['seen'], 1)

    def test_tls_is_reported_by_https(self):
        peer = self.peer('127.0.22.7', 'web.test')
        web = WebServer(self.mail.ca.issue('web', hosts=('r.web.test',)), '127.0.22.8',
                        answers={'/bad': http(b'', '500 Sorry'), '/v1': http(b'', '201 Created')})
        self.addCleanup(web.stop)
        self.names.add('r.web.test', 'A', '127.0.22.8')
        self.names.add('_smtp._tls.web.test', 'TXT', 'v=TLSRPTv1; rua='
                       f'https://r.web.test:{web.port}/bad,https://r.web.test:{web.port}/v1')
        self.send('x@web.test')
        wait_until(lambda: peer.messages)
        self.wait_seen('web.test', 1, 'tls')
        self.send_now('web.test')
        self.wait_state('web.test', 'sent', 'tls')
        self.assertEqual([r[:2] for r in web.requests], [('POST', '/bad'), ('POST', '/v1')])
        _, _, fields, body, _ = web.requests[1]
        self.assertEqual(fields['content-type'], 'application/tlsrpt+gzip')
        self.assertEqual(json.loads(gzip.decompress(body))['organization-name'], 'Example & Sons')
        self.assertEqual(sum(a + b for _, a, b in self.sessions(gzip.decompress(body))), 1)
        self.assertEqual(len(peer.messages), 1)

    def test_no_record_no_report(self):
        peer = self.peer('127.0.22.9', 'mute.test')
        self.send('x@mute.test')
        wait_until(lambda: peer.messages)
        self.wait_seen('mute.test', 1, 'tls')
        self.send_now('mute.test')
        self.wait_state('mute.test', 'unwanted', 'tls')

    def test_a_report_about_tls_is_signed(self):
        text = mail(tls('unsigned', 1, 0), 'application/tlsrpt+json', f'tlsrpt@{DOMAIN}')
        self.deliver('big.test', text.encode(), to=f'tlsrpt@{DOMAIN}')
        wait_until(lambda: [b for b in json.loads(self.mail.ctl('reports', 'list', '--json'))['bad']
                            if b['reason'] == 'it has no valid signature of its sender'])

    def test_today_is_not_over(self):
        self.names.add('_dmarc.day.test', 'TXT', 'v=DMARC1; p=none; rua=mailto:r@day.test')
        self.deliver('day.test')
        self.wait_seen('day.test', 1)
        self.assertEqual(json.loads(self.mail.ctl('reports', 'send-now', 'day.test', '--json'))
                         ['changed'], 0)
        time.sleep(2)
        self.assertEqual(self.pending('day.test')['state'], 'counting')

    def test_a_clean_stop_loses_nothing(self):
        self.names.add('_dmarc.stop.test', 'TXT', 'v=DMARC1; p=none; rua=mailto:r@stop.test')
        for _ in range(3):
            self.deliver('stop.test')
        process = self.mail.processes.pop('smtpd')
        process.terminate()
        process.wait(20)
        self.assertEqual(self.pending('stop.test')['seen'], 3)
        self.mail.start('smtpd')
        self.mail.wait_ready()


if __name__ == '__main__':
    harness.main(__name__)
