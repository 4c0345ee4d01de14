package openid

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"rservice.dev/scim-operator/console/login"
	"rservice.dev/scim-operator/hack/console/chromium"
	"rservice.dev/scim-operator/hack/testenv"
)

// startBrowser starts a Chromium with one tab. The test's certificates are of no authority that it knows.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	tab, stop, err := chromium.Start(t.TempDir(), chromedp.Flag("ignore-certificate-errors", true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return tab
}

// do does something in the tab.
func do(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) { //nolint:revive // as in the packages of testing
	t.Helper()
	bounded, stop := context.WithTimeout(tab, testenv.Patience)
	defer stop()
	if err := chromedp.Do(bounded, actions...); err != nil {
		t.Fatalf("%v\n%s", err, eval(t, tab, `location.href + "\n" + document.body.innerText.slice(0, 2000)`))
	}
}

// eval is the text of an expression in the page.
func eval(t *testing.T, tab context.Context, expression string) string { //nolint:revive // as in the packages of testing
	t.Helper()
	bounded, stop := context.WithTimeout(tab, testenv.Patience)
	defer stop()
	text, err := chromedp.Run(bounded, chromedp.Evaluate[string](expression))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What a browser adds to TestLogin: it holds the console's Content-Security-Policy against forms and where they lead, keeps
// cookies by their attributes, and says where a request comes from.
func TestLoginInABrowser(t *testing.T) {
	if os.Getenv("SCIM_CHROMIUM") == "" {
		t.Skip("run by make console-test, which has a browser")
	}
	now := time.Now()
	server, _ := console(t, "[profile, email]", &now)
	tab := startBrowser(t)
	fillIn := []chromedp.Action[chromedp.Void]{
		chromedp.WaitVisible("#username"), chromedp.SendKeys("#username", Username), chromedp.SendKeys("#password", Password),
		chromedp.Click("button[type=submit]"),
	}

	do(t, tab, chromedp.Navigate(server.URL+"/-/me"))
	do(t, tab, fillIn...)
	do(t, tab, chromedp.WaitVisible("main h1"))
	if text := eval(t, tab, `document.body.innerText`); !strings.Contains(text, "test-user2@zitadel.ch") || !strings.Contains(text, "scim-support") {
		t.Fatalf("the page does not say who logged in:\n%s", text)
	}
	if where := eval(t, tab, `location.href`); where != server.URL+"/-/me" {
		t.Errorf("the login led to %s", where)
	}
	if cookies := eval(t, tab, `document.cookie`); cookies != "" {
		t.Errorf("scripts can read cookies: %q", cookies)
	}

	do(t, tab, chromedp.Click(`form[action="/-/logout"] button`), chromedp.WaitVisible(`//h1[normalize-space()="You are logged out"]`))
	if where := eval(t, tab, `location.href`); !strings.HasPrefix(where, server.URL+"/-/logged-out") { // by way of the provider
		t.Errorf("the logout led to %s", where)
	}
	do(t, tab, chromedp.Navigate(server.URL+"/-/me"), chromedp.WaitVisible("#username"))

	now = now.Add(login.DefaultConfirmWithin / 2)
	do(t, tab, fillIn...)
	do(t, tab, chromedp.WaitVisible("main h1"))
	if where := eval(t, tab, `location.href`); where != server.URL+"/-/me" {
		t.Errorf("the second login led to %s", where)
	}
}
