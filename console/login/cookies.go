package login

import (
	"fmt"
	"net/http"
	"strings"
)

// Names of cookies. A browser takes a name with __Host- only from this host, over https, for all of it; so nobody of another host of
// the same domain can put one here.
const (
	sessionCookie = "__Host-scim-console"
	attemptCookie = "__Host-scim-console-login"
	// hintCookie goes to one path only, so it cannot be called __Host-.
	hintCookie = "__Secure-scim-console-hint"
)

const (
	// chunkSize keeps a cookie, with name and attributes, below the 4,096 bytes that browsers keep.
	chunkSize = 3800
	// maxChunks keeps all of them below 8 KiB, the longest line of a request that common proxies take.
	maxChunks = 2
)

// tooLargeError says that a session does not fit into a browser.
type tooLargeError struct{ size int }

func (e tooLargeError) Error() string {
	return fmt.Sprintf("the session has %d bytes, and %d are the most", e.size, chunkSize*maxChunks)
}

func chunkName(index int) string {
	if index == 0 {
		return sessionCookie
	}
	return fmt.Sprintf("%s-%d", sessionCookie, index)
}

// cookie is one as all of ours are. It ends with the browser; what is in it says when it ends before.
func cookie(name, value, path string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: path, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func deleteCookie(w http.ResponseWriter, name, path string) {
	c := cookie(name, "", path) //nolint:gosec // which has all attributes
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// setSessionCookies gives the browser a sealed session, in the place of the one that it may have.
func setSessionCookies(w http.ResponseWriter, sealed string) error {
	if len(sealed) > chunkSize*maxChunks {
		return tooLargeError{len(sealed)}
	}
	for i := range maxChunks {
		size := min(len(sealed), chunkSize)
		if size == 0 {
			deleteCookie(w, chunkName(i), "/")
			continue
		}
		http.SetCookie(w, cookie(chunkName(i), sealed[:size], "/"))
		sealed = sealed[size:]
	}
	return nil
}

// sessionOf returns the sealed session that a browser sent; "" if there is none.
func sessionOf(r *http.Request) string {
	var sealed strings.Builder
	for i := range maxChunks {
		c, err := r.Cookie(chunkName(i))
		if err != nil {
			break
		}
		sealed.WriteString(c.Value)
		if len(c.Value) < chunkSize {
			break
		}
	}
	return sealed.String()
}

func deleteSessionCookies(w http.ResponseWriter) {
	for i := range maxChunks {
		deleteCookie(w, chunkName(i), "/")
	}
}
