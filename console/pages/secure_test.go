package pages_test

import (
	"io"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// send sends a request with these headers, in pairs; a POST as a form.
func (v *visitor) send(method, path, form string, headers ...string) *http.Response {
	GinkgoHelper()
	request, err := http.NewRequest(method, v.address+path, strings.NewReader(form))
	Expect(err).NotTo(HaveOccurred())
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	answer, err := v.Do(request)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = answer.Body.Close() })
	return answer
}

func body(answer *http.Response) string {
	GinkgoHelper()
	text, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

var _ = Describe("the door of a console on this machine", func() {
	It("opens by a link once, and not without", func() {
		v := newVisitor(env.Config)
		answer := v.send(http.MethodGet, "/-/me", "")
		Expect(answer).To(HaveHTTPStatus(http.StatusUnauthorized))
		Expect(body(answer)).To(ContainSubstring("Open the console by its link"))
		Expect(v.send(http.MethodGet, "/-/enter/guessed", "")).To(HaveHTTPStatus(http.StatusForbidden))

		old, link := v.local.Link(), v.local.Link()
		path := func(link string) string { return strings.TrimPrefix(link, v.address) }
		Expect(v.send(http.MethodGet, path(old), "")).To(HaveHTTPStatus(http.StatusForbidden), "a newer link ends it")
		answer = v.send(http.MethodGet, path(link), "")
		Expect(answer).To(HaveHTTPStatus(http.StatusOK))
		Expect(answer.Header.Get("Set-Cookie")).To(And(ContainSubstring("HttpOnly"), ContainSubstring("SameSite=Strict"), ContainSubstring("Path=/")))
		Expect(v.send(http.MethodGet, path(link), "")).To(HaveHTTPStatus(http.StatusForbidden), "it works once")
		Expect(body(v.send(http.MethodGet, "/-/me", ""))).To(ContainSubstring("Who the cluster takes you for"))
	})

	It("stands beside another one in the same browser", func() {
		one, another := visit(env.Config), newVisitor(env.Config)
		another.Jar = one.Jar
		Expect(another.send(http.MethodGet, strings.TrimPrefix(another.local.Link(), another.address), "")).To(HaveHTTPStatus(http.StatusOK))
		for _, v := range []*visitor{one, another} {
			Expect(v.send(http.MethodGet, "/-/me", "")).To(HaveHTTPStatus(http.StatusOK), v.address)
		}
	})

	It("gives every answer the headers that keep a page to itself", func() {
		v := visit(env.Config)
		for _, path := range []string{"/-/me", "/-/static/console.css", "/-/static/none.css", "/-/namespaces", "/Not_a_namespace/"} {
			headers := v.send(http.MethodGet, path, "").Header
			Expect(headers.Get("Content-Security-Policy")).To(Equal("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
				"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"), path)
			Expect(headers.Get("Referrer-Policy")).To(Equal("no-referrer"), path)
			Expect(headers.Get("X-Content-Type-Options")).To(Equal("nosniff"), path)
			Expect(headers.Get("Cache-Control")).To(Equal("no-store"), path)
			Expect(headers.Get("Cross-Origin-Opener-Policy")).To(Equal("same-origin"), path)
			Expect(headers.Get("Cross-Origin-Resource-Policy")).To(Equal("same-origin"), path)
		}
	})

	It("is closed to other names of this machine", func() {
		v := visit(env.Config)
		port := v.address[strings.LastIndex(v.address, ":"):]
		for _, host := range []string{"evil.example", "evil.example" + port, "localhost" + port, "127.0.0.1", "127.0.0.1:1"} {
			response := v.send(http.MethodGet, "/-/me", "", "Host", host)
			Expect(response).To(HaveHTTPStatus(http.StatusMisdirectedRequest), host)
			// Some proxies put another host into requests, so that people see this where the console is.
			Expect(response).To(HaveHTTPBody(And(ContainSubstring("it is at 127.0.0.1"+port), ContainSubstring("(header Host)"))), host)
		}
	})

	DescribeTable("is closed to forms of other sites", func(headers ...string) {
		v := visit(env.Config)
		for i := range headers {
			headers[i] = strings.ReplaceAll(headers[i], "OWN", v.address)
		}
		answer := v.send(http.MethodPost, "/anybody/users/1/rerun", "form=guessed", headers...)
		Expect(answer).To(HaveHTTPStatus(http.StatusForbidden))
		Expect(body(answer)).To(ContainSubstring("Nothing was done"))
	},
		Entry("which say so", "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"),
		Entry("of the same machine", "Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"),
		Entry("which hide their origin", "Origin", "null"),
		Entry("of a sandbox", "Origin", "null", "Sec-Fetch-Site", "cross-site"),
		Entry("which say nothing"),
		Entry("which say half", "Origin", "OWN", "Sec-Fetch-Site", "cross-site"),
		Entry("which know the origin and not the form token", "Origin", "OWN", "Sec-Fetch-Site", "same-origin"),
	)

	It("is no part of other sites' pages", func() {
		v := visit(env.Config)
		get := func(path, site, mode, dest string) *http.Response {
			return v.send(http.MethodGet, path, "", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", mode, "Sec-Fetch-Dest", dest)
		}
		for _, site := range []string{"cross-site", "same-site"} {
			for _, path := range []string{"/-/me", "/anybody/users?q=anna", "/-/events/anybody?kinds=users", "/-/static/console.js"} {
				for dest, mode := range map[string]string{"image": "no-cors", "script": "no-cors", "empty": "cors", "iframe": "navigate", "object": "navigate"} {
					Expect(get(path, site, mode, dest)).To(HaveHTTPStatus(http.StatusForbidden), "%s %s of %s", dest, path, site)
				}
			}
			Expect(get("/-/me", site, "navigate", "document")).To(HaveHTTPStatus(http.StatusOK), "a link")
		}
		Expect(get("/-/me", "none", "navigate", "document")).To(HaveHTTPStatus(http.StatusOK))
		Expect(get("/-/static/console.js", "same-origin", "no-cors", "script")).To(HaveHTTPStatus(http.StatusOK))
		Expect(get("/-/me", "same-origin", "cors", "empty")).To(HaveHTTPStatus(http.StatusOK))
	})
})
