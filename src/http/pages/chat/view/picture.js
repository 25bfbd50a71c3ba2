// The own picture: cut to a square and made small here, so that what is sent is a few kilobytes, and published, or removed.

import { h } from './dom.js';

const SIDE = 96;
const LARGEST = 24_000;

/** Publishes the picture in the file. Resolves with what became of it, in a sentence. */
export async function takePicture(avatars, file) {
  try {
    await avatars.publish(await small(file));
    return 'Everybody who talks to you sees this picture now.';
  } catch ({ name, condition, text }) {
    const why = { 'item-not-found': 'this server keeps no pictures for you' }[condition] ?? text;
    return name ? 'This is no picture that the browser can read.' : `The picture was not taken: ${why}.`;
  }
}

async function small(file) {
  const image = await createImageBitmap(file);
  const side = Math.min(image.width, image.height);
  const canvas = h('canvas', { width: SIDE, height: SIDE });
  const place = canvas.getContext('2d');
  place.imageSmoothingQuality = 'high';
  place.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  image.close();
  const png = await packed(canvas, 'image/png');
  return png.size <= LARGEST ? png : packed(canvas, 'image/jpeg');
}

const packed = (canvas, type) => new Promise((resolve) => canvas.toBlob(resolve, type, 0.85));
