import { defineConfig } from 'vitest/config';

const reporters = process.env.CI ? ['default', './test/support/tally.ts'] : ['default'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters,
  },
});
