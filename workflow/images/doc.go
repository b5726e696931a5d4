// Package images looks at repositories of images: what signs each tag, over which digest, and
// what has changed since. It joins what the registry holds (cosign's signatures, in both forms)
// with what a Content Trust server says, and lets the policy decide. It finds out how an image can be
// signed and what a registry can hold, signs, and keeps the keys for that.
//
// A cosign signature covers a digest and no name. So what a tag pointed to when it was signed is
// known from three places only: the signed annotation "tag" that bulla writes, Content Trust's
// own list of tags, and release records. The first two are read here.
package images
