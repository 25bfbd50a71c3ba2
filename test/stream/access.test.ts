import { describe, expect, test } from 'vitest';
import { allows, isPublic, matches, normalizeDomain } from '../../src/stream/access.js';

describe('names', () => {
  test.each([
    ['Example.TEST', 'example.test'],
    ['example.test.', 'example.test'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    ['XN--MNCHEN-3YA.example', 'xn--mnchen-3ya.example'],
    ['127.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['１２７.0.0.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['[::1]', '::1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['localhost.', 'localhost'],
  ])('%s is %s', (name, normal) => {
    expect(normalizeDomain(name)).toBe(normal);
  });

  test.each([
    '',
    '.',
    'a..b',
    'user@example.test',
    'example.test/resource',
    'example.test:5222',
    'exa mple.test',
    'example.test\n',
    'ex%61mple.test',
    'example.test#x',
    'http://example.test',
    '-a.test',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(200)}test`,
    'x'.repeat(5000),
    '[::1',
    '1.2.3.4.5',
    'a\\b',
  ])('%j is no domain', (name) => {
    expect(normalizeDomain(name)).toBeUndefined();
  });
});

describe('the firewall', () => {
  const firewall = { allow: ['example.test', '*.example.net', 'Chat.Example.ORG'], deny: ['bad.example.net'] };

  test('allows what is listed, exactly or below a wildcard', () => {
    for (const name of ['example.test', 'a.example.net', 'a.b.example.net', 'chat.example.org']) {
      expect(allows(firewall, name), name).toBe(true);
    }
  });

  test('denies everything else', () => {
    for (const name of ['example.net', 'notexample.net', 'sub.example.test', 'example.org', 'bad.example.net', '']) {
      expect(allows(firewall, name), name).toBe(false);
    }
    expect(allows({ allow: [], deny: [] }, 'example.test')).toBe(false);
  });

  test('the more exact pattern counts, and at equal exactness allow', () => {
    expect(allows({ allow: ['*'], deny: ['example.test'] }, 'example.test')).toBe(false);
    expect(allows({ allow: ['*'], deny: ['*.example.test'] }, 'a.example.test')).toBe(false);
    expect(allows({ allow: ['a.example.test'], deny: ['*.example.test'] }, 'a.example.test')).toBe(true);
    expect(allows({ allow: ['example.test'], deny: ['example.test'] }, 'example.test')).toBe(true);
    expect(allows({ allow: ['*'], deny: ['*'] }, 'example.test')).toBe(true);
  });

  test('an address is allowed only by its own name', () => {
    expect(allows({ allow: ['*'], deny: [] }, '8.8.8.8')).toBe(false);
    expect(allows({ allow: ['*'], deny: [] }, '2606:4700::1111')).toBe(false);
    expect(allows({ allow: ['10.0.0.1'], deny: [] }, '10.0.0.1')).toBe(true);
  });

  test('a route filter has names and addresses', () => {
    expect(matches(['10.0.0.1'], '10.0.0.1')).toBe(true);
    expect(matches(['*.example.net'], '10.0.0.1')).toBe(false);
  });
});

describe('addresses that strangers may make us dial', () => {
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.100.100.200',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '169.254.170.2',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.0.2.1',
    '192.168.0.1',
    '192.168.255.255',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::127.0.0.1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::FFFF:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:c0a8:0001',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '64:ff9b::',
    '2001::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:a00:1::1',
    '2002:c0a8:1::1',
    '100::1',
    'fc00::1',
    'fd00:ec2::254',
    'fdff::1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'ff0e::1',
    '5f00::1',
    '3fff::1',
    'localhost',
    '',
    '127.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    'example.test',
    '1.2.3.4:80',
    '8.8.8.8/32',
    '8.8.8.8%lo',
  ])('%s is refused', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '128.0.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.255.255',
    '223.255.255.254',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '64:ff9b::8.8.8.8',
  ])('%s is allowed', (address) => {
    expect(isPublic(address)).toBe(true);
  });
});
