// Package trail reads the log files of AWS CloudTrail: a trail is the files,
// an event one record of them.
//
// It promises that nothing is lost and nothing is guessed. Each record comes
// as an Event with its raw JSON beside it, or as an *Error that says where it
// stood and has its raw JSON too; after either, the rest is read. Names count
// as they are spelled; what would let two readers read one record differently
// is refused (a name twice in one object, text that is not UTF-8) or named
// (Event.Variants). Memory is bounded by the largest record, not by the file.
//
// A Filter passes over records without decoding them where their bytes prove
// that it would not keep them. What is passed over so is not validated.
//
// It reads, and decides nothing: whether a trail is complete and untouched is
// for digests to say. It imports a decompressor and no AWS SDK, and holds no
// file longer than it reads it. What it returns came from outside: escape it
// before a terminal sees it.
package trail
