package console

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/pages"
	"rservice.dev/scim-operator/hack/testenv"
)

// site is a console that is served, and its address.
type site struct {
	local   *pages.Local
	address string
}

// serve serves the console of somebody's own machine, as kubectl scim console does.
func serve(cfg *rest.Config) *site {
	GinkgoHelper()
	lasts, end := context.WithCancel(context.Background())
	DeferCleanup(end)
	caller, err := access.NewLocal(lasts, cfg)
	Expect(err).NotTo(HaveOccurred())
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	s := &site{local: pages.NewLocal(caller, listener.Addr().String()), address: "http://" + listener.Addr().String()}
	handler, err := pages.New(pages.Options{Sessions: s.local, Hosts: []string{listener.Addr().String()}, Namespace: namespace, Logger: GinkgoLogr})
	Expect(err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(handler)
	Expect(server.Listener.Close()).To(Succeed())
	server.Listener = listener
	server.Config = pages.NewHTTPServer(handler)
	server.Start()
	DeferCleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// tab is a tab of the browser with cookies of its own.
type tab struct {
	context.Context //nolint:containedctx // to chromedp a tab is its context
	site            *site

	mu sync.Mutex
	// foreign are requests that left the console, faults what went wrong in the page.
	foreign, faults []string
}

// open opens a console by its link.
func open(s *site) *tab {
	GinkgoHelper()
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	DeferCleanup(end)
	t := &tab{Context: ctx, site: s}
	Expect(chromedp.Listen(ctx, t.listen)).To(Succeed())
	call(t, network.Enable, network.EnableParams{})
	call(t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Amsterdam"})
	t.do(chromedp.EmulateViewport(1280, 900))
	t.do(chromedp.Navigate(s.local.Link()))
	t.at("/" + namespace + "/") // complete, so that the script listens to keys
	return t
}

func (t *tab) listen(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(event.Request.URL, t.site.address+"/") {
			t.foreign = append(t.foreign, event.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		t.faults = append(t.faults, event.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError && event.Entry.Source != log.EntrySourceNetwork {
			t.faults = append(t.faults, event.Entry.Text+" "+event.Entry.URL)
		}
	}
}

// do does something in the tab.
func (t *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	GinkgoHelper()
	bounded, stop := context.WithTimeout(t, testenv.Patience)
	defer stop()
	Expect(chromedp.Do(bounded, actions...)).To(Succeed(), t.state)
}

// state is what a failure tells of the tab.
func (t *tab) state() string {
	bounded, stop := context.WithTimeout(t, testenv.Patience)
	defer stop()
	text, err := evaluated[string](bounded, `document.readyState + " " + location.href + "\n" + document.querySelector("main")?.innerText.slice(0, 2000)`)
	if err != nil {
		return "the tab does not answer: " + err.Error()
	}
	return text
}

// visit goes to an address of the console.
func (t *tab) visit(path string) {
	GinkgoHelper()
	t.do(chromedp.Navigate(t.site.address+path), chromedp.WaitVisible("h1"))
}

// call sends a command of the browser's protocol.
func call[P, R any](t *tab, command cdp.Command[P, R], params P) R {
	GinkgoHelper()
	result, err := chromedp.Call(t, command, params)
	Expect(err).NotTo(HaveOccurred())
	return result
}

// eval is the value of an expression in the page.
func eval[T any](t *tab, expression string) T {
	GinkgoHelper()
	bounded, stop := context.WithTimeout(t, testenv.Patience)
	defer stop()
	value, err := evaluated[T](bounded, expression)
	Expect(err).NotTo(HaveOccurred())
	return value
}

// evaluated is eval for what is asked again: while a tab goes to another page, it fails.
func evaluated[T any](tab context.Context, expression string) (T, error) {
	return chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// scheme is light or dark.
func (t *tab) scheme(name string) {
	GinkgoHelper()
	call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// screenshot keeps a picture of the page where SCIM_SCREENSHOTS says so.
func (t *tab) screenshot(name string) {
	GinkgoHelper()
	folder := os.Getenv("SCIM_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture := call(t, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true)})
	Expect(os.WriteFile(filepath.Join(folder, name+".png"), picture.Data, 0o600)).To(Succeed())
}
