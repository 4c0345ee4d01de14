// Package chromium starts the browser of tests.
package chromium

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// Start starts a Chromium that keeps its files in a folder, with one tab, which is the context that it returns. stop ends both.
func Start(folder string, further ...chromedp.ExecAllocatorOption) (tab context.Context, stop func(), err error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, fmt.Errorf("install chromium, as .ci/run does: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("password-store", "basic"), chromedp.UserDataDir(folder))
	allocated, end := chromedp.NewExecAllocator(context.Background(), append(options, further...)...)
	tab, closeTab := chromedp.NewContext(allocated)
	stop = func() {
		closeTab()
		end()
	}
	if err := chromedp.Do(tab); err != nil { // what starts the browser must not be bounded: it would end with the bound
		stop()
		return nil, nil, fmt.Errorf("start chromium: %w", err)
	}
	return tab, stop, nil
}
