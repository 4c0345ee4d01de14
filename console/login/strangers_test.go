package login

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestStrangersKeepNobodyFromBeingConfirmed(t *testing.T) {
	v := newVisit(t)
	v.provider.Lasting()
	v.provider.Is(anna("scim-a"))
	v.page(http.StatusOK, "scim-a")
	for range maxExchanges { // each with a code that somebody has made up
		v.login.provider.logins <- struct{}{}
	}
	v.wait(DefaultConfirmWithin)
	v.page(http.StatusOK, "scim-a")
	if n := v.provider.Refreshed(); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestStrangersDoNotWaitInAnyNumber(t *testing.T) {
	v := newVisit(t)
	v.provider.Is(anna("scim-a"))
	for range maxComing {
		v.login.coming <- struct{}{}
	}
	v.page(http.StatusServiceUnavailable, "Too many people are logging in")
	<-v.login.coming
	v.page(http.StatusOK, "scim-a")
	v.login.coming <- struct{}{}
	v.page(http.StatusOK, "scim-a") // who has a session needs no place
}

func TestOnlyTheConsoleItselfLogsOutAtTheProviderWithoutAQuestion(t *testing.T) {
	now := time.Now()
	l := &Login{options: Options{Keys: keysOf(now, now.Add(-time.Hour))}}
	w := httptest.NewRecorder()
	l.hint(t.Context(), w, "an ID token")
	for _, c := range w.Result().Cookies() {
		if c.Name == hintCookie && c.Value != "" && c.SameSite == http.SameSiteStrictMode && c.Secure && c.HttpOnly && c.Path == endPath {
			return
		}
	}
	t.Errorf("links of other sites take the hint along: %v", w.Header())
}
