"""vectisctl: every command, as text and as JSON, done right and done wrong."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness
from instance import (DOMAIN, PASSWORD, CertificateAuthority, Instance, build_dir, free_ports,
                      message)

GOOD, FAILED, USAGE = 0, 1, 2
# of a mailbox or a domain that has sent nothing yet
UNLIMITED = {'send_limit': 'standard', 'sent_last_hour': 0, 'suspended_at': 0, 'suspended_reason': ''}


class Box:
    """A configuration of our own and vectisctl for it."""

    def __init__(self, settings='', user='""'):
        self.folder = tempfile.mkdtemp(prefix='vectis-ctl-')
        self.config = os.path.join(self.folder, 'config.yaml')
        self.state = os.path.join(self.folder, 'state')
        self.user, self.settings = user, settings
        self.ctl = os.path.join(build_dir(), 'vectisctl', 'vectisctl')

    def text(self, hostname='mail.' + DOMAIN):
        port = free_ports(1)[0]
        listen = ''.join(f'{n}:\n  listen: ["127.0.0.1:{port}"]\n'
                         for n in ('smtp', 'submission', 'submissions', 'imaps', 'pop3s'))
        return (f'# kept\nhostname: {hostname}\nstate_dir: {self.state}\n'
                f'run_dir: {self.folder}/run\nuser: {self.user}\ntls:\n  provider: self-signed\n'
                f'auth:\n  hash_cost: 1\n{listen}{self.settings}')

    def write(self, text=None):
        with open(self.config, 'w') as f:
            f.write(text or self.text())
        return self

    def run(self, *args, config=True, **kwargs):
        command = [self.ctl] + (['-c', self.config] if config else []) + list(args)
        kwargs.setdefault('stdin', None if 'input' in kwargs else subprocess.DEVNULL)
        if 'input' in kwargs:
            del kwargs['stdin']
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, check=False, timeout=120, **kwargs)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Case(unittest.TestCase):
    settings, user = '', '""'

    def setUp(self):
        self.box = Box(self.settings, self.user).write()
        self.addCleanup(self.box.remove)

    def good(self, *args, **kwargs):
        done = self.box.run(*args, **kwargs)
        self.assertEqual(done.returncode, GOOD, (args, done.stdout, done.stderr))
        self.assertEqual(done.stderr, '', args)
        return done.stdout

    def bad(self, code, pattern, *args, **kwargs):
        """It fails with this code and says something like pattern on standard error, only."""
        done = self.box.run(*args, **kwargs)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        self.assertRegex(done.stderr, pattern, args)
        self.assertTrue(done.stderr.startswith('vectisctl: '), done.stderr)
        if '--json' not in args:
            self.assertEqual(done.stdout, '', args)
        return done

    def json(self, *args, code=GOOD, **kwargs):
        done = self.box.run('--json', *args, **kwargs)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        value = json.loads(done.stdout)  # exactly one: more would be an error
        self.assertIsInstance(value, dict)
        self.assertEqual('error' in value, code != GOOD and done.stderr != '', value)
        return value

    def set_up(self):
        self.good('setup', '--unattended')
        self.good('domain', 'add', DOMAIN, '--incoming', 'on', '--trust')
        return self

    def add(self, name, *args):
        return self.good('mailbox', 'add', f'{name}@{DOMAIN}', '--password-fd', '0', *args,
                         input=PASSWORD + '\n')


class Words(Case):
    def test_help(self):
        everything = self.good('--help')
        commands = self.json('--help')['commands']
        self.assertGreater(len(commands), 25)
        for c in commands:
            self.assertIn(f'  {c["command"]} {c["usage"]}'.rstrip(), everything)
            one = self.good(*c['command'].split(), '--help')
            self.assertIn(c['usage'], one)
            self.assertIn(c['help'], one)
            self.assertEqual(self.good(*c['command'].split(), '-h'), one)
            self.assertIn(c, self.json(*c['command'].split(), '--help')['commands'])
        self.assertEqual(len(self.json('mailbox', '--help')['commands']), 6)
        self.assertRegex(self.good('--version'), r'^vectisctl \d+\.\d+\.\d+\n$')
        self.assertIn('version', self.json('-V'))

    def test_wrong_words(self):
        self.set_up()
        for pattern, args in (
                ('vectisctl --help lists them', ()),
                (r'no command mailbx; is mailbox meant\?', ('mailbx', 'list')),
                ('no command qqqqqq; vectisctl --help', ('qqqqqq',)),
                ('mailbox needs a verb', ('mailbox',)),
                (r'no command mailbox lst; is mailbox list meant\?', ('mailbox', 'lst')),
                ('no command mailbox zzzzz; vectisctl mailbox --help', ('mailbox', 'zzzzz')),
                (r'no option --quotta; is --quota meant\?',
                 ('mailbox', 'set', 'a@b', '--quotta', '1')),
                ('no option --xyzzyx$', ('mailbox', 'list', '--xyzzyx')),
                ('no option -x', ('mailbox', 'list', '-x')),
                ('mailbox list has no option --quota; usage: ', ('mailbox', 'list', '--quota', '1')),
                ('--quota needs a value', ('mailbox', 'set', 'a@b', '--quota')),
                ('-c needs a file', ('mailbox', 'list', '-c')),
                ('--purge takes no value', ('mailbox', 'remove', 'a@b', '--purge=yes')),
                ('--quota is given twice', ('mailbox', 'set', 'a@b', '--quota', '1', '--quota=2')),
                ('too few arguments; usage: domain add DOMAIN', ('domain', 'add')),
                ('too many arguments, from "y" on', ('domain', 'add', 'x.test', 'y')),
                ('too many arguments', ('domain', 'list', 'x')),
                ('too many arguments', ('domain', 'add', 'x.test', '--name', 'y.test')),
                ('either --name or --email', ('domain', 'add', '--name', 'x', '--email', 'y')),
                ('has no option --name', ('config', 'get', '--name', 'hostname'))):
            self.bad(USAGE, pattern, *args)
            done = self.bad(USAGE, pattern, '--json', *args)
            self.assertIn('error', json.loads(done.stdout))

    def test_json_stands_anywhere(self):
        self.set_up()
        for args in (('--json', 'domain', 'list'), ('domain', '--json', 'list'),
                     ('domain', 'list', '--json')):
            self.assertEqual(json.loads(self.good(*args))['domains'][0]['name'], DOMAIN)
        self.assertIn('error', json.loads(self.bad(USAGE, 'no option', '--nonsense', 'domain',
                                                   'list', '--json').stdout))
        # a word after "--" is no option
        self.bad(USAGE, '--json is no domain', 'domain', 'add', '--', '--json')

    def test_output_that_cannot_be_written(self):
        with open('/dev/full', 'w') as full:
            done = subprocess.run([self.box.ctl, '--help'], stdout=full, stderr=subprocess.PIPE,
                                  universal_newlines=True, check=False)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn('could not be written', done.stderr)


class Setup(Case):
    def fresh(self):
        os.unlink(self.box.config)

    def test_again_and_again(self):
        first = self.json('setup', '--unattended', '--domain', 'One.test')
        self.assertEqual((first['config_written'], first['domain']), (False, 'One.test'))
        again = self.json('setup', '--domain', 'one.test', '--hostname', 'mail.' + DOMAIN)
        self.assertEqual(again['state_dir'], self.box.state)
        self.assertEqual([d['name'] for d in self.json('domain', 'list')['domains']],
                         ['one.test'])
        self.assertEqual(oct(os.stat(self.box.state).st_mode & 0o777), '0o700')
        # what it was set up with counts as applied
        self.assertIn('nothing changed', self.good('config', 'diff'))
        self.bad(USAGE, 'has the hostname mail.example.test: change it with', 'setup',
                 '--hostname', 'other.test')

    def test_configuration_is_needed(self):
        self.fresh()
        self.bad(USAGE, 'give --hostname', 'setup', '--unattended')
        self.bad(USAGE, 'give --hostname', 'setup')
        self.assertFalse(os.path.exists(self.box.config))
        self.bad(USAGE, r'config.yaml: No such file[\s\S]*vectisctl setup', 'domain', 'list')

    def test_placeholders_are_refused(self):
        self.fresh()
        for name in ('mail.example.com', 'example.org', 'mail.example.net.', 'localhost',
                     'host.localdomain', 'mail.your-domain.net', 'mail.example', 'CHANGEME'):
            self.bad(USAGE, 'is an example, not this server.s name', 'setup', '--hostname', name)
        for name in ('no dots', 'a', 'a..b', '-a.test', 'x: y', 'mail.test\n', ''):
            self.bad(USAGE, '.', 'setup', '--hostname', name)
        self.bad(USAGE, 'is an example, not a domain', 'setup', '--hostname', 'mail.good.test',
                 '--domain', 'example.com')
        self.assertFalse(os.path.exists(self.box.config))
        self.assertFalse(os.path.exists(self.box.state))
        self.box.write(self.box.text('mail.example.com'))
        self.bad(USAGE, 'mail.example.com', 'setup')

    def test_questions(self):
        """On a terminal it asks for what is missing and says what it would take."""
        self.box.write(self.box.text('mail.asked.test'))
        said, status = terminal(self.box, ['setup'], [('The first domain.*: ', '\n')])
        self.assertEqual(status, GOOD, said)
        self.assertIn('[asked.test]', said)
        self.assertEqual(self.json('domain', 'list')['domains'][0]['name'], 'asked.test')
        # there is nothing more to ask
        self.assertEqual(terminal(self.box, ['setup'], [])[1], GOOD)
        os.unlink(self.box.config)
        said, status = terminal(self.box, ['setup'],
                                [('full name of this server.*: ', 'mail.example.com\n')])
        self.assertEqual(status, USAGE, said)
        self.assertFalse(os.path.exists(self.box.config))

    @unittest.skipIf(os.geteuid(), 'only root gives files away')
    def test_root_gives_everything_to_the_user(self):
        self.box.user = 'nobody'
        self.box.write()
        os.chmod(self.box.folder, 0o755)
        self.set_up()
        for path in [self.box.state] + [os.path.join(self.box.state, n)
                                        for n in os.listdir(self.box.state)]:
            self.assertNotEqual(os.stat(path).st_uid, 0, path)
        # an export goes where only root may go
        closed = os.path.join(self.box.folder, 'closed')
        os.mkdir(closed, 0o700)
        self.add('ann')
        self.good('mailbox', 'export', f'ann@{DOMAIN}', closed + '/ann')
        self.assertIn('cur', os.listdir(closed + '/ann'))
        self.good('store', 'backup', closed + '/backup')
        self.assertIn('state.mdb', os.listdir(closed + '/backup'))
        self.good('store', 'backup', closed + '/backup')
        os.mkdir(closed + '/roots', 0o700)
        self.bad(FAILED, 'cannot be written by the user nobody', 'store', 'backup',
                 closed + '/roots')
        self.bad(FAILED, 'there is no mailbox', 'mailbox', 'export', f'bo@{DOMAIN}',
                 closed + '/bo')
        self.assertFalse(os.path.exists(closed + '/bo'))
        self.box.user = 'no-such-user-here'
        self.box.write()
        self.bad(FAILED, 'no user no-such-user-here', 'domain', 'list')


class Reaching(Case):
    """The store is not there, not ours, or damaged; the configuration is wrong."""

    def test_not_set_up(self):
        for args in (('domain', 'list'), ('domain', 'add', 'x.test'), ('status',),
                     ('store', 'check'), ('store', 'stat'), ('cert', 'status'),
                     ('config', 'apply')):
            self.bad(FAILED, 'there is no store in .*: run "vectisctl setup"', *args)
        self.assertFalse(os.path.exists(self.box.state))

    @unittest.skipIf(os.geteuid(), 'needs root to be somebody else')
    def test_wrong_user(self):
        self.set_up()
        os.chmod(self.box.folder, 0o755)
        self.bad(FAILED, 'cannot reach the store .*Permission denied.*as root', 'domain', 'list',
                 user=65534, group=65534, extra_groups=[])
        os.chmod(self.box.state, 0o755)
        self.bad(FAILED, 'belongs to the user root', 'domain', 'list', user=65534,
                 group=65534, extra_groups=[])
        self.bad(FAILED, 'cannot write .*Permission denied', 'config', 'set', 'workers', '1',
                 user=65534, group=65534, extra_groups=[])
        # root must not leave its own files in the store of another
        os.chown(self.box.state + '/state.mdb', 65534, 65534)
        self.bad(FAILED, 'belongs to the user nobody', 'domain', 'add', 'x.test')
        os.chmod(self.box.config, 0)
        self.bad(USAGE, 'config.yaml.*Permission denied', 'domain', 'list', user=65534,
                 group=65534, extra_groups=[])

    def test_damaged(self):
        self.set_up()
        path = self.box.state + '/state.mdb'
        with open(path, 'r+b') as f:
            f.write(b'x' * 8192)
        for args in (('domain', 'list'), ('mailbox', 'list'), ('status',)):
            self.bad(FAILED, 'state.mdb', *args)
        done = self.box.run('store', 'check')
        self.assertEqual(done.returncode, FAILED, done)
        self.assertRegex(done.stdout + done.stderr, 'damaged|state.mdb')

    def test_wrong_configuration(self):
        self.set_up()
        self.box.write(self.box.text() + 'smtpp:\n  banner: x\nworkers: many\n')
        for args in (('domain', 'list'), ('config', 'validate'), ('config', 'diff'),
                     ('config', 'apply'), ('config', 'get', 'hostname'), ('setup',)):
            done = self.bad(USAGE, r'config.yaml:\d+:\d+: ', *args)
            self.assertIn('is smtp', done.stderr)
            self.assertIn('workers is a number', done.stderr)
        errors = self.json('config', 'validate', code=USAGE)['errors']
        self.assertEqual(len(errors), 2)
        for e in errors:
            self.assertTrue(e['file'].endswith('config.yaml'))
            self.assertGreater(e['line'] * e['column'], 0)
        self.box.write('hostname: [\n')
        self.bad(USAGE, r'config.yaml:\d+:\d+: ', 'config', 'validate')


class Domains(Case):
    def setUp(self):
        super().setUp()
        self.set_up()

    def test_add_and_list(self):
        said = self.good('domain', 'add', 'BÜCHER.test')
        self.assertIn('domain added: xn--bcher-kva.test', said)
        for record in (r'xn--bcher-kva.test. MX 10 mail.example.test.', 'v=spf1 mx -all',
                       '_dmarc.xn--bcher-kva.test. TXT "v=DMARC1; p=quarantine; '
                       'rua=mailto:dmarc@xn--bcher-kva.test; fo=1"',
                       '_smtp._tls.xn--bcher-kva.test. TXT "v=TLSRPTv1; '
                       'rua=mailto:tlsrpt@xn--bcher-kva.test"'):
            self.assertIn(record, said)
        records = self.json('domain', 'add', '--name', 'three.test')['records']
        self.assertEqual([r['type'] for r in records], ['MX', 'TXT', 'TXT', 'TXT', 'TXT'])
        self.assertEqual([d['name'] for d in self.json('domain', 'list')['domains']],
                         [DOMAIN, 'three.test', 'xn--bcher-kva.test'])
        self.assertEqual(len(self.good('domain', 'list').splitlines()), 3)
        incoming = {d['name']: d['incoming'] for d in self.json('domain', 'list')['domains']}
        self.assertEqual(incoming, {DOMAIN: True, 'three.test': False,
                                    'xn--bcher-kva.test': False})
        self.assertIn('domain set xn--bcher-kva.test --incoming on', said)
        self.bad(FAILED, 'three.test exists already', 'domain', 'add', 'Three.Test')
        for name in ('a b', 'x..test', 'x@y.test', 'x' * 64 + '.test', ''):
            self.bad(USAGE, 'is no domain', 'domain', 'add', name)

    def test_set(self):
        self.add('ann')
        self.add('bob')
        self.good('domain', 'set', DOMAIN, '--catch-all', f'ann@{DOMAIN}, bob@{DOMAIN}',
                  '--max-mailboxes', '2', '--incoming', 'off')
        d = self.json('domain', 'list')['domains'][0]
        self.assertEqual(d, {'name': DOMAIN, 'active': True, 'incoming': False,
                             'any_sender': False, 'max_mailboxes': 2, 'backup_mx': 'none',
                             'backup_to': '', 'mta_sts': 'none',
                             'spf': 'hard', 'dmarc': 'quarantine',
                             'catch_all': [f'ann@{DOMAIN}', f'bob@{DOMAIN}'],
                             'status': 'verified', 'token': '',
                             'signature': '', 'signature_html': '', **UNLIMITED})
        self.assertIn(f'(no incoming mail) catch-all ann@{DOMAIN},bob@', self.good('domain', 'list'))
        self.bad(FAILED, 'as many mailboxes as it may', 'mailbox', 'add', f'cy@{DOMAIN}',
                 '--generate')
        self.good('domain', 'set', '--name', DOMAIN, '--catch-all', '', '--active=off',
                  '--incoming=on')
        d = self.json('domain', 'list')['domains'][0]
        self.assertEqual((d['active'], d['incoming'], d['catch_all'], d['max_mailboxes']),
                         (False, True, [], 2))
        self.bad(FAILED, 'no mailbox nobody@', 'domain', 'set', DOMAIN, '--catch-all',
                 f'nobody@{DOMAIN}')
        for verb in ('add', 'set', 'remove'):  # as other servers have it
            self.bad(USAGE, f'domain set {DOMAIN} --catch-all', 'alias', verb, f'@{DOMAIN}',
                     *([f'ann@{DOMAIN}'] if verb != 'remove' else []))
        self.bad(USAGE, 'at most 10 targets', 'domain', 'set', DOMAIN, '--catch-all',
                 ','.join(f'a{i}@{DOMAIN}' for i in range(11)))
        self.bad(USAGE, '--active is on or off, not "yes"', 'domain', 'set', DOMAIN, '--active',
                 'yes')
        self.bad(USAGE, '--max-mailboxes is a number', 'domain', 'set', DOMAIN,
                 '--max-mailboxes', '-1')
        self.assertEqual(self.box.run('domain', 'set', DOMAIN, '--signature', '-',
                                      input='Foot\n').returncode, GOOD)
        self.assertEqual(self.json('domain', 'list')['domains'][0]['signature'], 'Foot\n')
        self.assertIn('(signature)', self.good('domain', 'list'))
        self.good('domain', 'set', DOMAIN, '--no-signature')
        self.assertEqual(self.json('domain', 'list')['domains'][0]['signature'], '')
        for octets in ('', 'x' * 901, 'bad\x01'):
            result = self.box.run('domain', 'set', DOMAIN, '--signature', '-', input=octets)
            self.assertEqual(result.returncode, USAGE, result.stderr)
            self.assertIn('a signature', result.stderr)
        self.bad(USAGE, 'which', 'domain', 'set', DOMAIN, '--signature', '-', '--no-signature')
        self.bad(USAGE, 'is beside', 'domain', 'set', DOMAIN, '--signature-html', '-')
        self.bad(USAGE, 'nothing to change', 'domain', 'set', DOMAIN)
        self.bad(FAILED, 'there is no other.test', 'domain', 'set', 'other.test', '--active', 'on')

    def test_remove(self):
        self.add('ann')
        self.good('alias', 'add', f'info@{DOMAIN}', f'ann@{DOMAIN}')
        self.bad(USAGE, 'add --confirm', 'domain', 'remove', DOMAIN)
        self.bad(FAILED, 'still has 1 mailboxes and 1 aliases', 'domain', 'remove', DOMAIN,
                 '--confirm')
        left = self.json('domain', 'remove', DOMAIN, '--confirm', code=FAILED)
        self.assertEqual((left['mailboxes'], left['aliases']), (1, 1))
        self.good('alias', 'remove', f'info@{DOMAIN}')
        self.good('mailbox', 'remove', f'ann@{DOMAIN}', '--purge', '--confirm')
        self.bad(FAILED, 'without a token(.|\n)*was not removed', 'domain', 'remove', DOMAIN,
                 '--confirm', '--dns', 'withdraw')
        self.assertIn(f'dns withdraw {DOMAIN}',
                      self.good('domain', 'remove', DOMAIN, '--confirm'))
        for more in ((), ('--dns', 'keep')):
            self.bad(FAILED, 'there is no', 'domain', 'remove', DOMAIN, '--confirm', *more)
        self.assertEqual(self.json('domain', 'list')['domains'], [])

    def test_aliases(self):
        self.add('ann')
        self.add('bob')
        self.good('alias', 'add', f'info@{DOMAIN}', f'ann@{DOMAIN},x@else.where', f'bob@{DOMAIN}')
        self.good('alias', 'add', '--email', f'team-*@{DOMAIN}', f'bob@{DOMAIN}')
        self.assertEqual(self.json('alias', 'list')['aliases'], [
            {'address': f'info@{DOMAIN}',
             'targets': [f'ann@{DOMAIN}', 'x@else.where', f'bob@{DOMAIN}'], 'active': True},
            {'address': f'team-*@{DOMAIN}', 'targets': [f'bob@{DOMAIN}'], 'active': True}])
        self.good('alias', 'set', f'team-*@{DOMAIN}', '--active', 'off')
        self.assertIn('(inactive)', self.good('alias', 'list'))
        self.good('alias', 'set', f'team-*@{DOMAIN}', '--active', 'on', f'ann@{DOMAIN}')
        self.assertEqual(self.json('alias', 'list')['aliases'][1],
                         {'address': f'team-*@{DOMAIN}', 'targets': [f'ann@{DOMAIN}'],
                          'active': True})
        self.bad(USAGE, 'nothing to change', 'alias', 'set', f'team-*@{DOMAIN}')
        self.bad(FAILED, 'no mailbox zoe@', 'alias', 'set', f'team-*@{DOMAIN}', f'zoe@{DOMAIN}')
        self.bad(FAILED, 'there is no', 'alias', 'set', f'no@{DOMAIN}', '--active', 'on')
        self.assertIn(f'info@{DOMAIN} -> ann@{DOMAIN},x@else.where,bob@{DOMAIN}\n',
                      self.good('alias', 'list'))
        for code, pattern, args in (
                (FAILED, 'exists already', (f'info@{DOMAIN}', f'bob@{DOMAIN}')),
                (FAILED, 'exists already', (f'ann@{DOMAIN}', f'bob@{DOMAIN}')),
                (FAILED, 'not hosted here: vectisctl domain add', ('a@b.test', f'bob@{DOMAIN}')),
                (FAILED, 'no mailbox zoe@.*alias cannot lead', (f'q@{DOMAIN}', f'zoe@{DOMAIN}')),
                (FAILED, 'no mailbox info@', (f'q@{DOMAIN}', f'info@{DOMAIN}')),
                (USAGE, 'is no address', (f'q@{DOMAIN}', 'nonsense')),
                (USAGE, 'is no address', ('nonsense', f'ann@{DOMAIN}')),
                (USAGE, 'too few', (f'q@{DOMAIN}',)),
                (USAGE, 'needs a target', (f'q@{DOMAIN}', ',')),
                (USAGE, 'at most 10', (f'q@{DOMAIN}', *[f'a{i}@else.where' for i in range(11)]))):
            self.bad(code, pattern, 'alias', 'add', *args)
        self.good('alias', 'remove', f'INFO@{DOMAIN}')
        self.bad(FAILED, 'there is no', 'alias', 'remove', f'info@{DOMAIN}')
        self.assertEqual(len(self.json('alias', 'list')['aliases']), 1)


    def test_lists(self):
        self.add('ann')
        self.add('bob')
        self.good('list', 'add', f'News@{DOMAIN}', f'ann@{DOMAIN},x@else.where', '--title', 'All news',
                  '--members-only', 'on')
        self.assertEqual(self.json('list', 'show', f'news@{DOMAIN}'), {
            'address': f'news@{DOMAIN}', 'title': 'All news', 'owner': '', 'active': True,
            'members_only': True, 'members': [f'ann@{DOMAIN}', 'x@else.where']})
        self.assertIn(f'news@{DOMAIN} 2 members, members only, All news\n', self.good('list', 'list'))
        got = self.json('list', 'members', 'add', f'news@{DOMAIN}', f'ann@{DOMAIN}', f'bob@{DOMAIN}')
        self.assertEqual(got['changed'], 1)
        many = ''.join(f'm{i}@else.where\n' for i in range(9000))
        self.assertEqual(self.box.run('list', 'members', 'add', f'news@{DOMAIN}', '--stdin',
                                      input=many).returncode, GOOD)
        self.assertEqual(self.json('list', 'list')['lists'][0]['members'], 9003)
        self.assertEqual(self.box.run('list', 'members', 'remove', f'news@{DOMAIN}', '--stdin',
                                      input=many).returncode, GOOD)
        self.good('list', 'set', f'news@{DOMAIN}', '--owner', f'bob@{DOMAIN}', '--members-only', 'off',
                  '--active', 'off')
        shown = self.json('list', 'show', f'news@{DOMAIN}')
        self.assertEqual((shown['owner'], shown['members_only'], shown['active']),
                         (f'bob@{DOMAIN}', False, False))
        self.assertIn(f'bounces go to bob@{DOMAIN}\n', self.good('list', 'show', f'news@{DOMAIN}'))
        self.good('group', 'add', f'team@{DOMAIN}', f'bob@{DOMAIN}', '--title', 'Team')
        self.good('group', 'members', 'add', f'team@{DOMAIN}', f'team@{DOMAIN}', f'ann@{DOMAIN}')
        self.good('group', 'members', 'remove', f'team@{DOMAIN}', f'ann@{DOMAIN}')
        self.assertEqual(self.json('group', 'list')['groups'], [
            {'address': f'team@{DOMAIN}', 'title': 'Team', 'active': True, 'members': 2}])
        self.good('group', 'set', f'team@{DOMAIN}', '--active', 'off')
        self.assertIn('inactive', self.good('group', 'show', f'team@{DOMAIN}'))
        for code, pattern, args in (
                (FAILED, 'exists already', ('list', 'add', f'news@{DOMAIN}')),
                (FAILED, 'exists already', ('group', 'add', f'ann@{DOMAIN}')),
                (FAILED, 'not hosted here', ('list', 'add', 'a@b.test')),
                (USAGE, 'no name for a list', ('list', 'add', f'a+b@{DOMAIN}')),
                (USAGE, 'is on or off', ('list', 'add', f'q@{DOMAIN}', '--members-only', 'x')),
                (USAGE, '--owner: x is no', ('list', 'add', f'q@{DOMAIN}', '--owner', 'x')),
                (USAGE, '--title has at most', ('list', 'add', f'q@{DOMAIN}', '--title', 'x' * 201)),
                (USAGE, 'nothing to change', ('list', 'set', f'news@{DOMAIN}')),
                (FAILED, 'is a list: vectisctl list', ('group', 'show', f'news@{DOMAIN}')),
                (FAILED, 'there is no group', ('group', 'show', f'no@{DOMAIN}')),
                (USAGE, 'add --confirm', ('list', 'remove', f'news@{DOMAIN}')),
                (USAGE, 'members add or', ('list', 'members', 'change', f'news@{DOMAIN}', 'a@b.c')),
                (USAGE, 'which members', ('list', 'members', 'add', f'news@{DOMAIN}', ',')),
                (FAILED, 'no mailbox zoe@', ('list', 'members', 'add', f'news@{DOMAIN}', f'zoe@{DOMAIN}')),
                (FAILED, 'is no member', ('list', 'members', 'remove', f'news@{DOMAIN}', 'q@else.where')),
                (FAILED, 'mailboxes and groups', ('group', 'members', 'add', f'team@{DOMAIN}', 'q@else.where')),
                (USAGE, 'cannot be a member of a group',
                 ('group', 'members', 'add', f'team@{DOMAIN}', f'news@{DOMAIN}')),
                (USAGE, 'cannot be a member', ('list', 'members', 'add', f'news@{DOMAIN}', 'nonsense'))):
            self.bad(code, pattern, *args)
        self.bad(FAILED, 'and 2 lists and groups', 'domain', 'remove', DOMAIN, '--confirm')
        self.good('list', 'remove', f'news@{DOMAIN}', '--confirm')
        self.good('group', 'remove', f'team@{DOMAIN}', '--confirm')
        self.assertEqual(self.json('list', 'list')['lists'], [])


class Mailboxes(Case):
    def setUp(self):
        super().setUp()
        self.set_up()
        self.ann = f'ann@{DOMAIN}'

    def listed(self):
        return {m['email']: m for m in self.json('mailbox', 'list')['mailboxes']}

    def test_add_and_list(self):
        self.add('ann', '--quota', '7', '--display-name', 'Änne', '--pop3', 'on')
        self.add('bob', '--quota', '0')
        self.assertEqual(self.listed()[self.ann], {
            'email': self.ann, 'display_name': 'Änne', 'active': True, 'pop3': True,
            'sending': True, 'octets': 0, 'messages': 0, 'quota_octets': 7 << 20, **UNLIMITED})
        self.assertEqual(self.listed()[f'bob@{DOMAIN}']['quota_octets'], 0)
        text = self.good('mailbox', 'list')
        self.assertRegex(text, r'ann@\S+ +0 messages +0.0 MB of 7 MB, POP3\n')
        self.assertRegex(text, r'bob@\S+ +0 messages +0.0 MB no limit\n')
        self.good('domain', 'add', 'other.test')
        self.good('mailbox', 'add', 'cy@other.test', '--generate')
        names = self.json('mailbox', 'list', '--domain', 'OTHER.test')['mailboxes']
        self.assertEqual([m['email'] for m in names], ['cy@other.test'])
        self.assertEqual(self.listed()['cy@other.test']['quota_octets'], 1024 << 20)
        self.bad(FAILED, 'there is no', 'mailbox', 'list', '--domain', 'third.test')

    def test_bad_adds(self):
        self.add('ann')
        for code, pattern, args in (
                (FAILED, 'exists already', (self.ann,)),
                (FAILED, 'exists already', (self.ann.upper(),)),
                (FAILED, 'not hosted here: vectisctl domain add', ('x@nowhere.test',)),
                (USAGE, 'no address', ('x',)),
                (USAGE, 'no name for a mailbox', (f'a+b@{DOMAIN}',)),
                (USAGE, 'no name for a mailbox', (f'@{DOMAIN}',)),
                (USAGE, 'no name for a mailbox', ('x' * 65 + f'@{DOMAIN}',)),
                (USAGE, '--quota is a number of MB', (f'x@{DOMAIN}', '--quota', '1G')),
                (USAGE, '--quota is a number of MB', (f'x@{DOMAIN}', '--quota', '-1')),
                (USAGE, '--pop3 is on or off', (f'x@{DOMAIN}', '--pop3', 'x')),
                (USAGE, 'at most 200', (f'x@{DOMAIN}', '--display-name', 'x' * 201)),
                (USAGE, 'control character', (f'x@{DOMAIN}', '--display-name', 'a\nb'))):
            self.bad(code, pattern, 'mailbox', 'add', *args, '--generate')
        self.assertEqual(list(self.listed()), [self.ann])

    def test_passwords(self):
        x = f'x@{DOMAIN}'
        for pattern, args, given in (
                ('--password-fd N, or --generate', (), ''),
                ('either --generate or --password-fd', ('--generate', '--password-fd', '0'), ''),
                ('number of an open descriptor', ('--password-fd', 'x'), ''),
                ('read from descriptor 99: Bad file', ('--password-fd', '99'), ''),
                ('12', ('--password-fd', '0'), 'short1\n'),
                ('12', ('--password-fd', '0'), '\n'),
                ('12', ('--password-fd', '0'), ''),
                (r'at most \d+ octets', ('--password-fd', '0'), 'x1' * 600)):
            self.bad(USAGE, pattern, 'mailbox', 'add', x, *args, input=given)
        self.assertEqual(self.listed(), {})
        self.bad(USAGE, 'no option --password;', 'mailbox', 'add', x, '--password', PASSWORD)
        # CRLF, and an end without a line's end, are the same password; any descriptor will do
        for i, given in enumerate((PASSWORD + '\r\n', PASSWORD, PASSWORD + '\nmore\n')):
            r, w = os.pipe()
            os.write(w, given.encode())
            os.close(w)
            self.good('mailbox', 'add', f'p{i}@{DOMAIN}', '--password-fd', str(r), pass_fds=[r])
            os.close(r)
        made = self.json('mailbox', 'add', x, '--generate')['password']
        self.assertGreaterEqual(len(made), 12)
        said = self.good('mailbox', 'passwd', x, '--generate')
        self.assertRegex(said, r'password: \S{12,}\n')
        self.assertNotIn(made, said)
        self.assertNotIn('password', self.json('mailbox', 'passwd', '--email', x, '--password-fd',
                                               '0', input=PASSWORD))
        # who is not there is not asked for
        self.bad(FAILED, 'there is no mailbox', 'mailbox', 'passwd', f'q@{DOMAIN}')

    def test_prompt_without_echo(self):
        ask = [('New password: ', PASSWORD + '\n'), ('Again: ', PASSWORD + '\n')]
        said, status = terminal(self.box, ['mailbox', 'add', self.ann], ask)
        self.assertEqual(status, GOOD, said)
        self.assertNotIn(PASSWORD, said)
        said, status = terminal(self.box, ['mailbox', 'passwd', self.ann],
                                [('New password: ', PASSWORD + '\n'), ('Again: ', 'other\n')])
        self.assertEqual(status, USAGE, said)
        self.assertIn('not the same', said)
        # Ctrl-C while it is asked: the terminal echoes again
        said, status = terminal(self.box, ['mailbox', 'passwd', self.ann],
                                [('New password: ', '\x03')])
        self.assertEqual(status, -signal.SIGINT, said)
        self.assertTrue(terminal.echo)

    def test_set(self):
        self.add('ann')
        self.good('mailbox', 'set', self.ann, '--quota', '5', '--pop3', 'on', '--active', 'off',
                  '--display-name', 'A')
        m = self.listed()[self.ann]
        self.assertEqual((m['quota_octets'], m['pop3'], m['active'], m['display_name']),
                         (5 << 20, True, False, 'A'))
        self.assertIn(', POP3, inactive', self.good('mailbox', 'list'))
        self.json('mailbox', 'set', '--email', self.ann, '--active=on')
        m = self.listed()[self.ann]
        self.assertEqual((m['quota_octets'], m['pop3'], m['active'], m['display_name']),
                         (5 << 20, True, True, 'A'))
        self.bad(USAGE, 'nothing to change', 'mailbox', 'set', self.ann)
        self.bad(USAGE, 'on or off', 'mailbox', 'set', self.ann, '--active', 'maybe')
        self.bad(USAGE, 'number of MB', 'mailbox', 'set', self.ann, '--quota', '')
        self.bad(FAILED, 'there is no mailbox', 'mailbox', 'set', f'q@{DOMAIN}', '--pop3', 'on')

    def test_remove_needs_a_decision(self):
        self.add('ann')
        self.bad(USAGE, '--keep-mail .*--purge', 'mailbox', 'remove', self.ann, '--confirm')
        self.bad(USAGE, '--keep-mail .*--purge', 'mailbox', 'remove', self.ann, '--confirm',
                 '--purge', '--keep-mail')
        self.bad(USAGE, 'add --confirm', 'mailbox', 'remove', self.ann, '--purge')
        self.bad(USAGE, 'add --confirm', 'mailbox', 'remove', self.ann, '--keep-mail')
        self.assertIn(self.ann, self.listed())
        self.good('mailbox', 'remove', '--email', self.ann, '--purge', '--confirm')
        self.bad(FAILED, 'there is no mailbox', 'mailbox', 'remove', self.ann, '--purge',
                 '--confirm')
        self.assertEqual(self.listed(), {})


class Configuration(Case):
    def setUp(self):
        super().setUp()
        self.set_up()

    def test_get_and_keys(self):
        self.assertIn('is valid', self.good('config', 'validate'))
        self.assertEqual(self.json('config', 'validate'), {'valid': True})
        self.assertEqual(self.good('config', 'get', 'hostname'), f'mail.{DOMAIN}\n')
        self.assertEqual(self.json('config', 'get', 'quota.default_mb'),
                         {'quota.default_mb': '1024'})
        self.bad(USAGE, r'no key quota.defalt_mb; is quota.default_mb meant\?', 'config', 'get',
                 'quota.defalt_mb')
        self.bad(USAGE, 'no key zzz', 'config', 'get', 'zzz')
        keys = self.json('config', 'keys')['keys']
        text = self.good('config', 'keys')
        self.assertGreater(len(keys), 30)
        for k in keys:
            self.assertIn(f'{k["key"]} ({k["type"]}, default {k["default"] or "none"})', text)

    def test_set_diff_apply(self):
        self.assertEqual(self.json('config', 'diff')['changes'], [])
        os.chmod(self.box.config, 0o640)
        self.json('config', 'set', 'quota.default_mb', '5')
        self.good('config', 'set', 'imap.idle_seconds', '2000')
        with open(self.box.config) as f:
            self.assertIn('# kept\n', f.read())
        self.assertEqual(os.stat(self.box.config).st_mode & 0o777, 0o640)
        done = self.box.run('config', 'diff')
        self.assertEqual((done.returncode, done.stderr), (FAILED, ''))
        self.assertIn('imap.idle_seconds: 1800 -> 2000 (restart imapd)\n', done.stdout)
        self.assertIn('quota.default_mb: 1024 -> 5 (in force at once)\n', done.stdout)
        done = self.box.run('--json', 'config', 'diff')
        value = json.loads(done.stdout)
        self.assertEqual((done.returncode, value['restart']), (FAILED, ['imapd']))
        self.assertEqual({c['key']: (c['from'], c['to']) for c in value['changes']},
                         {'imap.idle_seconds': ('1800', '2000'),
                          'quota.default_mb': ('1024', '5')})
        said = self.good('config', 'apply', '--no-restart')
        self.assertRegex(said, 'applied; restart, where they run: vectis-imapd\n$')
        self.assertIn('nothing changed', self.good('config', 'diff'))
        self.assertRegex(self.good('config', 'apply'), '^applied\n$')
        self.assertEqual(self.json('config', 'apply'),
                         {'changes': [], 'restart': [], 'restarted': False})

    def test_bad_sets_change_nothing(self):
        with open(self.box.config) as f:
            before = f.read()
        for pattern, args in (('no key smtp.baner', ('smtp.baner', 'x')),
                              ('not changed: workers is a number', ('workers', 'many')),
                              ('not changed: .*one line', ('smtp.banner', 'a\nb')),
                              ('too few', ('workers',))):
            self.bad(USAGE, pattern, 'config', 'set', *args)
        with open(self.box.config) as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(sorted(os.listdir(self.box.folder)), ['config.yaml', 'run', 'state', 'state-acme'])

    def test_a_link_stays_one(self):
        real = self.box.config + '.real'
        os.rename(self.box.config, real)
        os.symlink(real, self.box.config)
        self.good('config', 'set', 'workers', '2')
        self.assertTrue(os.path.islink(self.box.config))
        self.assertEqual(self.good('config', 'get', 'workers'), '2\n')

    def test_mend_a_wrong_file_with_set(self):
        self.box.write(self.box.text() + 'workers: many\n')
        self.good('config', 'set', 'workers', '2')
        self.good('config', 'validate')


class Certificates(Case):
    def setUp(self):
        super().setUp()
        self.set_up()
        self.ca = CertificateAuthority(self.box.folder)

    def test_import_and_status(self):
        self.assertIn('no certificate is installed', self.good('cert', 'status'))
        self.assertIn('no daemon runs', self.good('cert', 'status'))
        chain, key = self.ca.issue('one')
        serial = self.json('cert', 'import', chain, key)['serial']
        (cert,) = self.json('cert', 'status')['certificates']
        self.assertEqual((cert['serial'], cert['name'], cert['provider']),
                         (serial, 'mail', 'custom'))
        self.assertIn(cert['days_left'], (29, 30))
        text = self.good('cert', 'status')
        for word in (serial, 'localhost', 'Vectis test CA'):
            self.assertIn(word, text)
        chain, key = self.ca.issue('two', days=3)
        self.good('cert', 'import', chain, key)
        self.assertIn('replace it soon', self.good('cert', 'status'))

    def test_bad_pairs_are_not_taken(self):
        chain, key = self.ca.issue('one')
        other = self.ca.issue('other')[1]
        serial = self.json('cert', 'import', chain, key)['serial']
        os.chmod(other, 0o600)
        loose = shutil.copy(key, key + '.loose')
        os.chmod(loose, 0o644)
        for pattern, args in (('was not taken: .*loose', (chain, loose)),
                              ('was not taken: .*none: No such file', (chain + '.none', key)),
                              ('was not taken: .*none: No such file', (chain, key + '.none')),
                              ('was not taken: .*key', (chain, other)),
                              ('was not taken: ', (key, key)),
                              ('was not taken: ', (self.box.config, key)),
                              ('was not taken: ', (self.box.folder, key))):
            self.bad(FAILED, pattern, 'cert', 'import', *args)
        self.assertEqual(self.json('cert', 'status')['certificates'][0]['serial'], serial)

    def test_apply_takes_custom_files(self):
        chain, key = self.ca.issue('one')
        self.good('config', 'set', 'tls.provider', 'custom')
        self.good('config', 'set', 'tls.cert_path', chain)
        self.good('config', 'set', 'tls.key_path', key + '.none')
        self.bad(FAILED, 'none: No such file', 'config', 'apply', '--json')
        self.assertEqual(self.box.run('config', 'diff').returncode, FAILED)
        self.good('config', 'set', 'tls.key_path', key)
        self.good('config', 'apply')
        self.assertEqual(len(self.json('cert', 'status')['certificates']), 1)


class Running(unittest.TestCase):
    """With daemons, and mail in the store."""

    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(daemons=('smtpd', 'imapd', 'acmed'))
        cls.mail.__enter__()
        cls.box = Box()
        cls.box.remove()
        cls.box.config, cls.box.state = cls.mail.config, cls.mail.state
        c = cls.mail.imap('bob')
        c.create('a/b')
        c.create('a.b')
        c.create('x-y')
        c.append('INBOX', r'(\Seen \Flagged)', '"01-Feb-2020 03:04:05 +0000"',
                 message('first', 'From here\r\n>From there\r\n.\r\n'))
        c.append('a/b', None, None, message('second'))
        c.append('a.b', None, None, message('third'))
        c.logout()
        cls.out = tempfile.mkdtemp(prefix='vectis-ctl-')

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out, ignore_errors=True)
        cls.mail.__exit__(None, None, None)

    good, bad, json = Case.good, Case.bad, Case.json

    def test_status(self):
        self.mail.answers('smtp')
        value = self.json('status')
        daemons = {d['name']: d for d in value['daemons']}
        for name in ('smtpd', 'imapd', 'acmed'):
            d = daemons[name]
            self.assertEqual((d['state'], d['same_certificate']), ('running', True))
            self.assertGreaterEqual(d['workers'], 1)
            self.assertTrue(0 <= d['uptime_seconds'] < 3600, d)
            self.assertTrue(100000 < d['memory_octets'] < 4 << 30, d)
            self.assertGreaterEqual(d['cpu_ms'], 0)
        served = self.json('cert', 'status')
        self.assertEqual({w['serial'] for w in served['workers']},
                         {served['certificates'][0]['serial']})
        self.assertEqual(daemons['smtpd']['serial'], served['certificates'][0]['serial'])
        self.assertEqual(daemons['pop3d'], {'name': 'pop3d', 'state': 'stopped'})
        answers = {x['name']: x['answers'] for x in value['listeners']}
        self.assertEqual(answers, {'smtp': True, 'submission': True, 'submissions': True,
                                   'imaps': True, 'pop3s': False})
        self.assertGreaterEqual(value['accounts'], 2)
        text = self.good('status')
        self.assertRegex(text, r'smtpd +running 0d 00:\d\d:\d\d, \d+ workers, [\d.]+ MB, CPU ')
        self.assertRegex(text, r'pop3d +stopped\n')
        self.assertRegex(text, r'imaps +127.0.0.1:\d+ answers in \d+ ms')
        self.assertRegex(text, r'pop3s +127.0.0.1:\d+ does not answer')

    def test_store(self):
        self.assertIn('0 problems\n', self.good('store', 'check'))
        self.assertEqual(self.json('store', 'check')['problems'], 0)
        self.assertGreaterEqual(self.json('store', 'stat')['messages'], 3)
        self.assertRegex(self.good('store', 'stat'), r'messages +\d+\n')
        backup = self.out + '/backup'
        self.assertIn('the backup is in', self.good('store', 'backup', backup))
        self.assertEqual(self.json('store', 'backup', backup)['directory'], backup)
        self.bad(FAILED, 'cannot make .*No such file', 'store', 'backup', self.out + '/no/b')
        self.bad(FAILED, 'cannot (make|enter)', 'store', 'backup', self.mail.config)
        # a backup is a store: give it to a configuration of its own
        copy = Box()
        self.addCleanup(copy.remove)
        copy.write()
        shutil.copytree(backup, copy.state)
        done = copy.run('--json', 'mailbox', 'list')
        self.assertEqual(done.returncode, GOOD, done.stderr)
        self.assertEqual(sum(m['messages'] for m in json.loads(done.stdout)['mailboxes']), 3)
        self.assertEqual(copy.run('store', 'check').returncode, GOOD)

    def read_maildir(self, folder):
        self.assertEqual(os.listdir(folder + '/tmp'), [])
        texts = {}
        for name in os.listdir(folder + '/cur'):
            with open(f'{folder}/cur/{name}') as f:
                texts[name] = f.read()
        return texts

    def check_maildir(self, folder):
        ((name, text),) = self.read_maildir(folder).items()
        self.assertTrue(name.endswith(':2,FS'), name)
        self.assertIn('Subject: first\n', text)
        self.assertNotIn('\r', text)
        self.assertEqual(os.stat(f'{folder}/cur/{name}').st_mtime, 1580526245)
        found = sorted(n for n in os.listdir(folder) if n.startswith('.a'))
        found = [n for n in found if n != '.a']
        self.assertEqual(len(found), 2, found)
        self.assertEqual(found[0], '.a.b')
        subjects = [re.search('Subject: (.*)', t).group(1) for n in found
                    for t in self.read_maildir(f'{folder}/{n}').values()]
        self.assertEqual(sorted(subjects), ['second', 'third'])

    def test_export(self):
        bob, folder = f'bob@{DOMAIN}', self.out + '/maildir'
        self.assertEqual(self.json('mailbox', 'export', bob, folder)['messages'], 3)
        self.check_maildir(folder)
        boxes = self.out + '/mbox'
        self.assertIn('3 messages written', self.good('mailbox', 'export', '--email', bob, boxes,
                                                      '--format', 'mbox'))
        with open(boxes + '/INBOX.mbox') as f:
            text = f.read()
        self.assertTrue(text.startswith('From MAILER-DAEMON Sat Feb  1 03:04:05 2020\n'), text)
        self.assertIn('\nStatus: RO\nX-Status: F\n', text)
        self.assertIn('\n>From here\n>>From there\n', text)
        for pattern in (r'a-b\.mbox', r'a_b.*\.mbox', r'x-y.*\.mbox'):
            self.assertEqual(len([n for n in os.listdir(boxes) if re.fullmatch(pattern, n)]), 1)
        self.bad(FAILED, 'File exists.*not be there yet', 'mailbox', 'export', bob, folder)
        self.bad(USAGE, '--format is maildir or mbox', 'mailbox', 'export', bob,
                 self.out + '/x', '--format', 'zip')
        self.bad(FAILED, 'there is no mailbox', 'mailbox', 'export', f'q@{DOMAIN}',
                 self.out + '/x')
        self.assertFalse(os.path.exists(self.out + '/x'))

    def test_remove_keeps_the_mail(self):
        name = f'gone@{DOMAIN}'
        self.mail.ctl_with_password('mailbox', 'add', name)
        self.mail.deliver(message('kept'), to='gone')
        value = self.json('mailbox', 'remove', name, '--keep-mail', '--confirm')
        self.assertEqual(value['messages'], 1)
        self.assertRegex(value['archive'],
                         rf'^{self.mail.state}/archives/{DOMAIN}/gone-\d{{8}}-\d{{6}}$')
        (text,) = self.read_maildir(value['archive']).values()
        self.assertIn('Subject: kept\n', text)
        self.bad(FAILED, 'there is no mailbox', 'mailbox', 'passwd', name, '--generate')
        self.assertEqual(self.json('store', 'check')['problems'], 0)

    def test_a_change_is_in_force_at_once(self):
        name = f'live@{DOMAIN}'
        made = self.json('mailbox', 'add', name, '--generate')['password']
        self.mail.imap('live', made).logout()
        self.good('mailbox', 'set', name, '--active', 'off')
        with self.assertRaises(Exception):
            self.mail.imap('live', made)
        self.good('mailbox', 'set', name, '--active', 'on')
        self.mail.ctl_with_password('mailbox', 'passwd', name)
        self.mail.imap('live').logout()
        self.good('mailbox', 'remove', name, '--purge', '--confirm')
        with self.assertRaises(Exception):
            self.mail.imap('live')


def terminal(box, args, dialogue):
    """vectisctl on a terminal: (what it showed, status); terminal.echo: is echo on after it."""
    import termios
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
        os.execv(box.ctl, [box.ctl, '-c', box.config, *args])
    said, rest = b'', list(dialogue)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if select.select([fd], [], [], 0.2)[0]:
                chunk = os.read(fd, 4096)
                if not chunk:
                    break
                said += chunk
        except OSError:
            break
        if rest and re.search(rest[0][0] + '$', said.decode(errors='replace')):
            os.write(fd, rest.pop(0)[1].encode())
        with_status = os.waitpid(pid, os.WNOHANG)
        if with_status[0]:
            while select.select([fd], [], [], 0.1)[0]:
                try:
                    said += os.read(fd, 4096)
                except OSError:
                    break
            break
    else:
        os.kill(pid, signal.SIGKILL)
    if not with_status[0]:
        with_status = os.waitpid(pid, 0)
    try:
        terminal.echo = bool(termios.tcgetattr(fd)[3] & termios.ECHO)
    except termios.error:
        terminal.echo = True
    os.close(fd)
    status = with_status[1]
    return said.decode(errors='replace'), (-os.WTERMSIG(status) if os.WIFSIGNALED(status)
                                           else os.WEXITSTATUS(status))


if __name__ == '__main__':
    harness.main('__main__')
