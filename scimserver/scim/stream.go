package scim

import "io"

// Stream is a multi-valued complex attribute of a Resource, such as the members of a group, whose values are made one
// after the other while the resource is encoded: all at the same time would take much memory. The map that it yields may
// be changed, and is used again for the next value, so keep a copy. Projection.Apply, Encode, Values, MemberIDs and
// Patch.Apply take a Stream. What Patch.Apply returns has it if the members stay, or a *MemberEdits.
type Stream func(yield func(value map[string]any) bool)

// encodeChunk is about how much EncodeTo writes at once, in bytes.
const encodeChunk = 32 << 10

// EncodeTo writes the JSON of Encode, piece by piece. It returns the writer's error, or one for a value of a type that a
// Resource cannot hold.
func EncodeTo(w io.Writer, rt *ResourceType, res Resource) error {
	e := encoder{out: make([]byte, 0, encodeChunk+encodeChunk/4), to: w, chunk: encodeChunk}
	e.resource(rt, res)
	e.write()
	return e.err
}

// stream appends a Stream as an attribute, unless it has no value.
func (e *encoder) stream(a *Attribute, values Stream, first *bool) {
	opened := false
	for value := range values {
		if opened {
			e.out = append(e.out, ',')
		} else {
			e.known(a, first)
			e.out = append(e.out, '[')
			opened = true
		}
		e.object(a.SubAttributes, value)
		if e.to != nil && len(e.out) >= e.chunk {
			e.write()
		}
		if e.err != nil {
			break
		}
	}
	if opened {
		e.out = append(e.out, ']')
	}
}

// write writes what is there.
func (e *encoder) write() {
	if e.err == nil {
		_, e.err = e.to.Write(e.out)
	}
	e.out = e.out[:0]
}

// selectFrom is selectParts for the values of a stream.
func (s Stream) selectFrom(only, excluded *choice) Stream {
	return func(yield func(map[string]any) bool) {
		for value := range s {
			if part, ok := selectParts(value, false, only, excluded).(map[string]any); ok && !yield(part) {
				return
			}
		}
	}
}

// values makes all of a stream.
func (s Stream) values() []any {
	var out []any
	for value := range s {
		out = append(out, cloneMap(value))
	}
	return out
}
