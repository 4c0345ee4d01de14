package scim

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// crowd returns a group with so many members, as a list and as a stream that uses one value for all.
func crowd(n int) (list, stream Resource) {
	members := make([]any, n)
	for i := range members {
		members[i] = object{"value": fmt.Sprint(i), "display": "Member", "type": "User"}
	}
	list = Resource{"displayName": "g", "id": "1", "groupType": "t"}
	stream = Resource{"displayName": "g", "id": "1", "groupType": "t"}
	if n > 0 {
		list["members"] = members
	}
	stream["members"] = Stream(func(yield func(map[string]any) bool) {
		value := map[string]any{}
		for i := range n {
			value["value"], value["display"], value["type"] = fmt.Sprint(i), "Member", "User"
			if !yield(value) {
				return
			}
		}
	})
	return list, stream
}

// largestWrite keeps what is written, and how much of it came at once.
type largestWrite struct {
	bytes.Buffer
	largest, left int
}

func (w *largestWrite) Write(p []byte) (int, error) {
	w.largest = max(w.largest, len(p))
	if w.left--; w.left == 0 {
		return 0, errors.New("the client has gone")
	}
	return w.Buffer.Write(p)
}

func TestAStreamIsEncodedLikeAList(t *testing.T) {
	selections := [][2]string{
		{"", ""}, {"members", ""}, {"members.value", ""}, {"", "members.display"}, {"", "members"}, {"displayName", ""},
		{"members", "members.value,members.display,members.type"},
	}
	for _, n := range []int{0, 1, 3, 5000} {
		list, stream := crowd(n)
		for _, parameters := range selections {
			projection, err := ParseProjection(Group, strings.Split(parameters[0], ","), strings.Split(parameters[1], ","))
			if err != nil {
				t.Fatal(err)
			}
			want, err := Encode(Group, projection.Apply(list))
			if err != nil {
				t.Fatal(err)
			}
			whole, err := Encode(Group, projection.Apply(stream))
			if err != nil || !bytes.Equal(whole, want) {
				t.Errorf("%d members, %q: %.300s, want %.300s; %v", n, parameters, whole, want, err)
			}
			var pieces largestWrite
			if err := EncodeTo(&pieces, Group, projection.Apply(stream)); err != nil || !bytes.Equal(pieces.Bytes(), want) {
				t.Errorf("%d members, %q in pieces: %.300s, want %.300s; %v", n, parameters, pieces.Bytes(), want, err)
			}
			if pieces.largest > encodeChunk+1024 {
				t.Errorf("%d bytes at once", pieces.largest)
			}
		}
		if values := stream.Values("members"); len(values) != n || n == 3 && elementValue(values[0]) != "0" {
			t.Errorf("the values of %d: %v", n, values)
		}
	}
}

func TestAStreamEndsWithItsReader(t *testing.T) {
	made := 0
	endless := Stream(func(yield func(map[string]any) bool) {
		for made++; yield(map[string]any{"value": "x"}); made++ {
		}
	})
	err := EncodeTo(&largestWrite{left: 3}, Group, Resource{"displayName": "g", "members": endless})
	if err == nil || made > 4*encodeChunk {
		t.Errorf("%v after %d values", err, made)
	}
}
