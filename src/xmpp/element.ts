// The only door to ltx: small trees for cold paths. ltx validates nothing, so only proven bytes may be parsed here.

export { Element } from 'ltx';
