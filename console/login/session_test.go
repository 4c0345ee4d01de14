package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
)

// keysOf makes Keys that hold these, made at these times.
func keysOf(now time.Time, made ...time.Time) *Keys {
	data := map[string][]byte{}
	for i, at := range made {
		value := make([]byte, keySize)
		_, _ = rand.Read(value)
		data[fmt.Sprintf("%d-%08x", at.Unix(), i)] = value
	}
	return &Keys{Now: func() time.Time { return now }, known: parseKeys(data), read: now}
}

func TestSessionsComeBackAsTheyWere(t *testing.T) {
	now := time.Now()
	s := newSession(now)
	s.Subject, s.refresh = "subject", "refresh token"
	s.setUser(authenticationv1.UserInfo{
		Username: "anna@example.com", UID: "1", Groups: []string{"b", "a"}, Extra: map[string]authenticationv1.ExtraValue{"example.com/x": {"y"}},
	})
	content, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeSession(content)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, again, cmp.AllowUnexported(session{})); diff != "" {
		t.Error(diff)
	}
	if len(s.ID) < 32 {
		t.Errorf("the key of form tokens has %d bytes", len(s.ID))
	}
	for length := range content {
		if cut, err := decodeSession(content[:length]); err == nil {
			t.Fatalf("%d of %d bytes are a session: %v", length, len(content), cut)
		}
	}
}

func TestNothingIsOpenedButWhatWasSealedForThePurpose(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	keys := keysOf(now, now.Add(-time.Hour))
	sealed, err := keys.seal(ctx, sessionCookie, []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if content, err := keys.open(ctx, sessionCookie, sealed); err != nil || string(content) != "content" {
		t.Fatalf("%q, %v", content, err)
	}
	if _, err := keys.open(ctx, hintCookie, sealed); !errors.Is(err, errNotSealed) {
		t.Errorf("for another purpose: %v", err)
	}
	for i := range sealed {
		changed := []byte(sealed)
		if changed[i] == 'A' {
			changed[i] = 'Q'
		} else {
			changed[i] = 'A'
		}
		if _, err := keys.open(ctx, sessionCookie, string(changed)); !errors.Is(err, errNotSealed) {
			t.Errorf("changed at %d: %v", i, err)
		}
		if _, err := keys.open(ctx, sessionCookie, sealed[:i]); !errors.Is(err, errNotSealed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	other := keysOf(now, now.Add(-time.Hour))
	if _, err := other.open(ctx, sessionCookie, sealed); !errors.Is(err, errNotSealed) {
		t.Errorf("with another console's key: %v", err)
	}
}

func TestANewKeySealsWhenAllReplicasKnowIt(t *testing.T) {
	now := time.Now()
	old, fresh := now.Add(-rotateAfter), now.Add(-settleKey+time.Second)
	keys := keysOf(now, old, fresh)
	sealed, err := keys.seal(t.Context(), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	before := &Keys{Now: keys.Now, known: keys.known[1:], read: now}
	if _, err := before.open(t.Context(), "x", sealed); err != nil {
		t.Errorf("a replica that has not read the new key: %v", err)
	}
	keys.Now = func() time.Time { return now.Add(time.Minute) }
	if sealed, err = keys.seal(t.Context(), "x", nil); err != nil {
		t.Fatal(err)
	}
	before.read = keys.now()
	before.Now = keys.Now
	if _, err := before.open(t.Context(), "x", sealed); !errors.Is(err, errNotSealed) {
		t.Errorf("the new key is not used: %v", err)
	}
}

func TestCookiesAreBoundedAndPutTogether(t *testing.T) {
	for _, size := range []int{1, chunkSize, chunkSize + 1, maxChunks * chunkSize} {
		answer := httptest.NewRecorder()
		sealed := strings.Repeat("x", size)
		if err := setSessionCookies(answer, sealed); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		for _, c := range answer.Result().Cookies() {
			if len(c.String()) > 4096 || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
				t.Errorf("%d: cookie %s has %d bytes, or not the attributes that it needs", size, c.Name, len(c.String()))
			}
			if c.MaxAge >= 0 {
				r.AddCookie(c)
			}
		}
		if got := sessionOf(r); got != sealed {
			t.Errorf("of %d bytes %d came back", size, len(got))
		}
		if line := r.Header.Get("Cookie"); len(line) > 8<<10 {
			t.Errorf("the line has %d bytes", len(line))
		}
	}
	err := setSessionCookies(httptest.NewRecorder(), strings.Repeat("x", maxChunks*chunkSize+1))
	if _, ok := errors.AsType[tooLargeError](err); !ok {
		t.Errorf("too large: %v", err)
	}
}

func TestManyGroupsFit(t *testing.T) {
	s := newSession(time.Now())
	for i := range 150 { // of Entra, whose groups are GUIDs
		var id [16]byte
		_, _ = rand.Read(id[:])
		s.Groups = append(s.Groups, fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
		if i == 149 {
			s.refresh = strings.Repeat("r", 1000)
		}
	}
	content, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(time.Now(), time.Now())
	sealed, err := keys.seal(context.Background(), sessionCookie, content)
	if err != nil {
		t.Fatal(err)
	}
	if err := setSessionCookies(httptest.NewRecorder(), sealed); err != nil {
		t.Error(err)
	}
}

func TestOneReturnsToThisConsoleOnly(t *testing.T) {
	for to, want := range map[string]string{
		"/acme/users?sort=name&q=%2F": "/acme/users?sort=name&q=%2F", "/-/me?namespace=acme": "/-/me?namespace=acme", "/": "/",
		"": "/", "acme": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/", "/\t/evil.example": "/", "/\n": "/",
		"javascript:alert(1)": "/", "/-/logout": "/", "/-/login?to=/": "/", "/-/callback?code=x": "/", "/" + strings.Repeat("a", maxReturn): "/",
	} {
		if got := localPath(to); got != want {
			t.Errorf("%q leads to %q", to, got)
		}
	}
}
