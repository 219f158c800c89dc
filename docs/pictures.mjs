/**
 * Draws the pictures of docs/scenarios.md: `node docs/pictures.mjs results/DIR…` opens each run's report.html in
 * Chromium and keeps its first chart, how stale the stock was, as docs/scenarios/NAME.png.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const WIDTH = 1100;
const docs = fileURLToPath(new URL('./scenarios', import.meta.url));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
for (const dir of process.argv.slice(2)) {
  const record = JSON.parse(readFileSync(join(dir, 'record.json'), 'utf8'));
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 1400 } });
  await page.goto(pathToFileURL(resolve(dir, 'report.html')).href);
  await page.waitForSelector('canvas');
  // Folded tables belong to the page, not to a picture.
  await page.addStyleTag({ content: 'figure details { display: none } figure { padding: 12px }' });
  const path = join(docs, `${record.scenario.name}.png`);
  await page
    .locator('figure', { has: page.locator('canvas') })
    .first()
    .screenshot({ path });
  await page.close();
  process.stdout.write(`${path}\n`);
}
await browser.close();
