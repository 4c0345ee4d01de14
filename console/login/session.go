package login

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// maxContent bounds what is made of a cookie's content; ours has a tenth of that.
const (
	maxContent = 128 << 10
	// idSize is that of a key of form tokens.
	idSize = 32
)

// session is what a browser keeps of a person who has logged in, sealed. Times are Unix seconds.
type session struct {
	// ID tells sessions apart, and is the key of their form tokens. It is in no page.
	ID []byte `json:"-"`
	// Subject is the provider's name of the person, by which it is recognised when the provider is asked again.
	Subject string `json:"s"`
	// User is whom the claims were mapped to.
	User string `json:"u"`
	// UID, Groups and Extra are the rest of it.
	UID    string              `json:"d,omitempty"`
	Groups []string            `json:"g,omitempty"`
	Extra  map[string][]string `json:"x,omitempty"`
	// Begun is when the person logged in, Seen when a page was last asked for, Confirmed when the provider last said who it is.
	Begun     int64 `json:"b"`
	Seen      int64 `json:"n"`
	Confirmed int64 `json:"c"`
	// refresh is the refresh token, "" where the provider gave none.
	refresh string
}

func newSession(now time.Time) *session {
	s := &session{ID: make([]byte, idSize), Begun: now.Unix(), Seen: now.Unix(), Confirmed: now.Unix()}
	_, _ = rand.Read(s.ID) // it never fails
	return s
}

// userInfo is whom the cluster is to take the person for.
func (s *session) userInfo() authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: s.User, UID: s.UID, Groups: s.Groups}
	for name, values := range s.Extra {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[name] = values
	}
	return info
}

// setUser takes over whom claims were mapped to.
func (s *session) setUser(info authenticationv1.UserInfo) {
	s.User, s.UID, s.Groups, s.Extra = info.Username, info.UID, info.Groups, nil
	for name, values := range info.Extra {
		if s.Extra == nil {
			s.Extra = map[string][]string{}
		}
		s.Extra[name] = values
	}
}

// encode makes what is sealed: the refresh token, and the rest compressed. What is compressed has no secret in it beside text that
// others may choose, such as names of groups: their lengths would tell of each other.
func (s *session) encode() ([]byte, error) {
	content, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the session: %w", err)
	}
	var out bytes.Buffer
	out.Write(binary.AppendUvarint(nil, uint64(len(s.refresh))))
	out.WriteString(s.refresh)
	out.Write(s.ID)
	compressed, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("encode the session: %w", err)
	}
	if _, err := compressed.Write(content); err != nil {
		return nil, fmt.Errorf("encode the session: %w", err)
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("encode the session: %w", err)
	}
	return out.Bytes(), nil
}

func decodeSession(data []byte) (*session, error) {
	length, n := binary.Uvarint(data)
	if n <= 0 || uint64(len(data)-n) < length+idSize {
		return nil, errNotSealed
	}
	s := &session{}
	rest := data[n:]
	s.refresh, rest = string(rest[:length]), rest[length:]
	s.ID, rest = rest[:idSize:idSize], rest[idSize:]
	content, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(rest)), maxContent))
	if err != nil {
		return nil, errNotSealed
	}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, errNotSealed
	}
	return s, nil
}

// attempt is what a browser keeps between the way to the provider and back.
type attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	// To is the page that was asked for.
	To string `json:"t"`
	// Begun is when, in Unix seconds.
	Begun int64 `json:"b"`
	// Silent says that the provider was to ask nothing.
	Silent bool `json:"q,omitempty"`
}

// sealJSON seals a value for a purpose.
func sealJSON(ctx context.Context, keys *Keys, purpose string, value any) (string, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", purpose, err)
	}
	return keys.seal(ctx, purpose, content)
}

func openJSON(ctx context.Context, keys *Keys, purpose, text string, into any) error {
	content, err := keys.open(ctx, purpose, text)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return errors.Join(errNotSealed, err)
	}
	return nil
}
