package scim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// maxCursorLength bounds a token. A place takes at most MaxReference characters of four bytes.
const maxCursorLength = 32 * 1024

// Cursor is what the token of a page says (RFC 9865). It holds all that is needed
// to go on, so that every replica with the same key can, and nothing has to be
// kept for clients that never come back.
type Cursor struct {
	// Position is the place of the resource next to the page: that of the last
	// resource before it, or with Backward, of the first one behind it. The
	// resource need not exist any more.
	Position SortKey
	// Backward says that the page ends before Position, as previous pages do.
	Backward bool
	// Query and Count are those of the first request, which all others must repeat.
	Query QueryDigest
	Count int
	// Issued is when the token was made. Milliseconds are kept.
	Issued time.Time
}

// CheckQuery checks that a request repeats the query of the cursor: another count
// is 400 invalidCount, anything else that is different 400 invalidCursor.
func (c *Cursor) CheckQuery(query QueryDigest, count int) error {
	switch {
	case query != c.Query:
		return BadRequest(TypeInvalidCursor, "the cursor belongs to another query; repeat all parameters of the first request, or begin again with an empty cursor")
	case count != c.Count:
		return BadRequest(TypeInvalidCount, "count must stay what it was in the first request of this cursor")
	}
	return nil
}

// EncodeCursor returns the token of a cursor. It consists of letters, digits,
// "-" and "_". It is encrypted and authenticated, because it ends up in URLs and
// their logs, while the position may be a name or an e-mail address. key should be at
// least 32 random bytes; replicas share it.
func EncodeCursor(key []byte, c Cursor) string {
	sealed := cursorCipher(key).Seal(nil, nil, c.marshal(), nil) //nolint:gosec // the cipher makes a random nonce itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// DecodeCursor reads a token that EncodeCursor made with the same key. A token
// that it did not make is 400 invalidCursor, one that is older than ttl 400
// expiredCursor; with a ttl of 0 tokens do not expire.
func DecodeCursor(key []byte, token string, now time.Time, ttl time.Duration) (Cursor, error) {
	c, err := openCursor(key, token)
	if err != nil {
		return Cursor{}, BadRequest(TypeInvalidCursor, "the cursor was not made by this server; begin again with an empty cursor")
	}
	if ttl > 0 && now.Sub(c.Issued) > ttl {
		return Cursor{}, BadRequest(TypeExpiredCursor, "the cursor has expired; begin again with an empty cursor")
	}
	return c, nil
}

func openCursor(key []byte, token string) (Cursor, error) {
	if len(token) > maxCursorLength {
		return Cursor{}, errors.New("too long")
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return Cursor{}, err
	}
	plain, err := cursorCipher(key).Open(nil, nil, sealed, nil)
	if err != nil {
		return Cursor{}, err
	}
	return unmarshalCursor(plain)
}

// cursorCipher derives the key, so that the caller's may have any length and other uses.
func cursorCipher(key []byte) cipher.AEAD {
	derived, err := hkdf.Key(sha256.New, key, nil, "SCIM cursor", sha256.Size)
	if err != nil {
		panic(err) // no more than one hash is asked for
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic(err) // the length of the key is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // it is an AES block
	}
	return aead
}

// cursorVersion changes when the form of the token does, so that old ones are told to begin again.
const cursorVersion = 1

func (c *Cursor) marshal() []byte {
	out := make([]byte, 0, 64+len(c.Position.ID)+len(c.Position.Value))
	out = append(out, cursorVersion)
	if c.Backward {
		out = append(out, 1)
	} else {
		out = append(out, 0)
	}
	out = append(out, c.Query[:]...)
	out = binary.AppendUvarint(out, uint64(c.Count))
	out = binary.AppendVarint(out, c.Issued.UnixMilli())
	out = binary.AppendUvarint(out, uint64(len(c.Position.ID)))
	out = append(out, c.Position.ID...)
	return append(out, c.Position.Value...)
}

func unmarshalCursor(in []byte) (Cursor, error) {
	var c Cursor
	const fixed = 2 + len(c.Query)
	if len(in) < fixed || in[0] != cursorVersion {
		return Cursor{}, errors.New("another version")
	}
	c.Backward = in[1] == 1
	copy(c.Query[:], in[2:])
	in = in[fixed:]
	count, n := binary.Uvarint(in)
	if n <= 0 {
		return Cursor{}, errors.New("no count")
	}
	issued, m := binary.Varint(in[n:])
	if m <= 0 {
		return Cursor{}, errors.New("no time")
	}
	in = in[n+m:]
	length, n := binary.Uvarint(in)
	if n <= 0 || length > uint64(len(in)-n) {
		return Cursor{}, errors.New("no position")
	}
	in = in[n:]
	c.Count, c.Issued = int(count), time.UnixMilli(issued).UTC()
	c.Position = SortKey{ID: string(in[:length]), Value: string(in[length:])}
	return c, nil
}
