"""The reports in the data files, as the email package of Python reads them: the structure
of RFC 6522, the fields of RFC 3464 and RFC 6533, and what each of them has to say."""
import email
import email.policy
import email.utils
import glob
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'daemons'))
import harness  # noqa: E402

DATA = os.path.join(HERE, '..', 'data')
POLICY = email.policy.default.clone(utf8=True)
BOB, FAR = 'rfc822; bob@b.test', 'änn@far.test'
HEADER, WHOLE = 'text/rfc822-headers', 'message/rfc822'

# name: (what goes back with it, [(action, status, recipient, original recipient)],
#        other things that differ)
SENT = {
    'failed': (HEADER, [('failed', '5.1.1', BOB, 'rfc822; bob+lunch@b.test')],
               {'envid': 'QQ+31 x'}),
    'failed-hdrs': (HEADER, [('failed', '5.3.4', BOB, None)], {}),
    'failed-full': (WHOLE, [('failed', '5.7.1', BOB, None)], {}),
    'failed-full-8bit': (WHOLE, [('failed', '5.6.3', BOB, None)], {}),
    'delayed': (HEADER, [('delayed', '4.2.2', BOB, BOB)],
                {'envid': '42', 'until': 'Sun, 19 Nov 2023 17:13:20 +0000'}),
    'delayed-held': (HEADER, [('delayed', '4.4.1', BOB, None)],
                     {'hold': 'for;18000', 'until': 'Sun, 19 Nov 2023 17:13:20 +0000'}),
    'expired': (HEADER, [('failed', '4.4.2', BOB, None)], {}),
    'relayed': (HEADER, [('relayed', '2.0.0', BOB, 'rfc822; bob+lunch@b.test')],
                {'envid': 'QQ+31 x'}),
    'delivered': (HEADER, [('delivered', '2.0.0', 'rfc822; bob@example.test',
                            'rfc822; bob@example.test')], {}),
    'expanded': (HEADER, [('expanded', '2.0.0', 'rfc822; team@example.test',
                           'rfc822; team@example.test')], {}),
    'several': (HEADER, [('relayed', '2.1.5', BOB, None),
                         ('delayed', '4.3.0', 'rfc822; carol@b.test', None),
                         ('failed', '5.1.1', 'rfc822; dave@b.test', 'rfc822; Dave@b.test')],
                {'until': 'Sun, 19 Nov 2023 16:13:20 +0000'}),
    'several-failed': (HEADER, [('failed', '5.1.1', BOB, None),
                                ('failed', '5.6.7', 'rfc822; dave@b.test', None)],
                       {'to': 'ann@far.test'}),
    'utf8-recipient': (HEADER, [('failed', '5.1.1', r'utf-8; b\x{F6}b@b.test',
                                 r'utf-8; b\x{F6}b@b.test')], {}),
    'utf8-sender': ('message/global-headers',
                    [('failed', '5.1.1', 'utf-8; böb@b.test', 'utf-8; böb@b.test')],
                    {'to': FAR, 'envid': '1'}),
    'utf8-sender-full': ('message/global', [('failed', '5.6.7', BOB, None)], {'to': FAR}),
}


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def groups(part):
    """The groups of fields of a delivery status, as they stand: what Python does with
    message/delivery-status it does not do with its sister for UTF-8."""
    text = part.as_bytes().split(b'\n\n', 1)[1].decode()
    found = []
    for group in re.split(r'\n\n+', text.strip('\n')):
        found.append([tuple(line.split(': ', 1))
                      for line in re.sub(r'\n[ \t]+', ' ', group).split('\n')])
    return found


class Reports(unittest.TestCase):
    def check_whole(self, name, octets):
        """What all reports have; its three parts, or two."""
        m = email.message_from_bytes(octets.replace(b'\r\n', b'\n'), policy=POLICY)
        self.assertNotIn(b'\n', octets.replace(b'\r\n', b''), name)
        self.assertEqual(m.get_content_type(), 'multipart/report', name)
        self.assertEqual(m.get_param('report-type'), 'delivery-status')
        self.assertEqual(m['MIME-Version'], '1.0')
        self.assertEqual(m['Auto-Submitted'], 'auto-replied')
        self.assertEqual(len(m['From'].addresses), 1)
        self.assertEqual(len(m['To'].addresses), 1)
        self.assertIsNotNone(email.utils.parsedate_to_datetime(m['Date']))
        self.assertRegex(m['Message-ID'], r'^<[^<>@\s]+@[^<>@\s]+>$')
        parts = list(m.iter_parts())
        for part in [m] + parts:
            self.assertEqual(part.defects, [], name)
        self.assertEqual(parts[0].get_content_type(), 'text/plain')
        self.assertIn(parts[1].get_content_type(),
                      ('message/delivery-status', 'message/global-delivery-status'))
        if m['Content-Transfer-Encoding'] == '7bit':
            self.assertTrue(octets.isascii(), name)
        return m, parts

    def check_status(self, name, part):
        """The fields of a report: (its own, [of each recipient])."""
        own, *each = groups(part)
        self.assertEqual([n for n, _ in own].count('Reporting-MTA'), 1, name)
        for group in each:
            names = [n for n, _ in group]
            fields = dict(group)
            self.assertEqual(len(names), len(fields), name)
            for must in ('Final-Recipient', 'Action', 'Status'):
                self.assertIn(must, names, name)
            self.assertRegex(fields['Status'], r'^[245]\.\d{1,3}\.\d{1,3}$')
            self.assertIn(fields['Status'][0], {'failed': '45', 'delayed': '4'}.get(
                fields['Action'], '2'), name)
            if 'Will-Retry-Until' in fields:
                self.assertEqual(fields['Action'], 'delayed', name)
            for a in ('Original-Recipient', 'Final-Recipient'):
                self.assertRegex(fields.get(a, 'x; x'), r'^[\w-]+; ?\S', name)
            # RFC 3464 2.3: the original one first
            if 'Original-Recipient' in names:
                self.assertLess(names.index('Original-Recipient'),
                                names.index('Final-Recipient'))
        return dict(own), [dict(group) for group in each]

    def test_every_file_has_the_structure(self):
        files = glob.glob(os.path.join(DATA, 'dsn', '*.eml'))
        files += glob.glob(os.path.join(DATA, 'sender_reports', '*.eml'))
        self.assertGreaterEqual(len(files), 28)
        for path in sorted(files):
            name = os.path.basename(path)
            octets = read(path)
            if octets.startswith(b'Return-Path: <>\r\n'):
                octets = octets.split(b'\r\n', 1)[1]
            m, parts = self.check_whole(name, octets)
            _, each = self.check_status(name, parts[1])
            self.assertGreaterEqual(len(each), 1)
            self.assertEqual(len(parts), 2 if name == 'no-header.eml' else 3, name)

    def test_each_says_what_it_has_to(self):
        files = glob.glob(os.path.join(DATA, 'sender_reports', '*.eml'))
        self.assertEqual({os.path.basename(f)[:-4] for f in files}, set(SENT))
        for name, (returned, people, more) in SENT.items():
            with self.subTest(name):
                self.check_sent(name, returned, people, more)

    def check_sent(self, name, returned, people, more):
        octets = read(os.path.join(DATA, 'sender_reports', name + '.eml'))
        m, parts = self.check_whole(name, octets)
        self.assertEqual(len(parts), 3)
        own, each = self.check_status(name, parts[1])
        self.assertEqual(m['Return-Path'], '<>')
        to = m['To'].addresses[0].addr_spec.encode('utf-8', 'surrogateescape').decode()
        self.assertEqual(to, more.get('to', 'alice@example.test'))
        self.assertEqual(own['Reporting-MTA'], 'dns; mx.example.test')
        self.assertEqual(own.get('Original-Envelope-Id'), more.get('envid'))
        self.assertEqual(own.get('Future-Release-Request'), more.get('hold'))
        self.assertEqual([(p['Action'], p['Status'], p['Final-Recipient'],
                           p.get('Original-Recipient')) for p in each], people)
        for p in each:
            self.assertEqual(p.get('Will-Retry-Until'),
                             more.get('until') if p['Action'] == 'delayed' else None)
        self.check_returned(parts[2], returned, more.get('to') == FAR)
        for action, _, address, _ in people:  # people are told, too
            local = address.split('; ')[1].split('@')[0].replace(r'\x{F6}', 'ö')
            self.assertIn(local + '@', parts[0].get_content())

    def check_returned(self, part, returned, utf8):
        self.assertEqual(part.get_content_type(), returned)
        text = part.as_bytes().split(b'\n\n', 1)[1].decode()
        header, _, body = text.partition('\n\n')
        self.assertIn('Subject: ' + ('Grüße' if utf8 else 'Lunch'), header)
        self.assertNotIn('Return-Path', text)
        self.assertEqual(returned in (WHOLE, 'message/global'), body.strip() != '')


if __name__ == '__main__':
    harness.main('__main__')
