package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"rservice.dev/scim-operator/console/access"
)

// formField is the name of the form token's field.
const formField = "form"

// Handler answers a request that needs no session. An error becomes a page: a Notice its own.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Sessions says who sends a request.
type Sessions interface {
	// Of returns the session of a request, or nil if it has none. It may set cookies, and return a Notice where the session ended.
	Of(w http.ResponseWriter, r *http.Request) (*Session, error)
	// Begin answers a request of somebody who has none: leads to a login, or returns a Notice that says how to get in.
	Begin(w http.ResponseWriter, r *http.Request) error
	// Routes are addresses of the sessions' own, below /-/, as patterns of a ServeMux. They are answered without a session, after
	// the checks of Host and Origin.
	Routes() map[string]Handler
}

// Session is one person's use of the console.
type Session struct {
	// Caller is for whom the console acts.
	Caller access.Caller
	// Key is a secret of this session, at least 32 bytes, from which form tokens are made. It is in no page.
	Key []byte
	// Logout is the address that a form is posted to that ends the session; "" where that is of no use.
	Logout string
}

// FormToken is what forms of this session hold, by which they are told from those of other sites.
func (s *Session) FormToken() string {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte("form of the console"))
	return hex.EncodeToString(mac.Sum(nil))
}

// CheckForm returns a Notice unless the request's form holds the session's token.
func (s *Session) CheckForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &Notice{Status: http.StatusRequestEntityTooLarge, Title: "The form is too long", Text: "It may have " + number(tooLong.Limit) + " bytes."}
		}
		return &Notice{Status: http.StatusBadRequest, Title: "The form cannot be read", Text: "Go back, reload the page and try again."}
	}
	if !hmac.Equal([]byte(r.PostForm.Get(formField)), []byte(s.FormToken())) {
		return &Notice{
			Status: http.StatusForbidden, Title: "Nothing was done: the form is of another session",
			Text: "The form was made for another session, or by another site. Open the page again and repeat what you did.",
		}
	}
	return nil
}
