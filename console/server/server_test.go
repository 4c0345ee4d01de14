package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/issuer"
)

func anna(groups ...string) map[string]any {
	return map[string]any{"sub": "anna-1", "email": "anna@example.com", "groups": groups, "office": "Delft", "jti": "token-1"}
}

// get opens a page and returns its status and text.
func get(browser *http.Client, address string) (int, string) {
	GinkgoHelper()
	answer, err := browser.Get(address)
	Expect(err).NotTo(HaveOccurred())
	body, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Body.Close()).To(Succeed())
	return answer.StatusCode, string(body)
}

// bind gives a group a role in a new namespace, which it waits for, and a ScimEndpoint.
func bind(ctx context.Context, role, to string) string {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	Expect(direct.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "console"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: to}},
	})).To(Succeed())
	Expect(direct.Create(ctx, &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}})).To(Succeed())
	return namespace
}

var _ = Describe("the operator's console", func() {
	var (
		p *issuer.Provider
		c *console
	)
	BeforeEach(func() {
		p = issuer.NewProvider(GinkgoT(), clientID, clientSecret)
		c = start(p, 1, "{}")[0]
	})

	It("takes a person for whom the claims say, and shows what that person's roles allow, also through another replica", func(ctx SpecContext) {
		both := start(p, 2, "{}")
		c = both[0]
		mine, others := bind(ctx, "scim-viewer", "support-1"), bind(ctx, "scim-viewer", "support-2")
		p.Is(anna("support-1"))
		browser := c.browser()
		status, text := get(browser, c.URL+"/-/me?namespace="+mine)
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(text).To(And(ContainSubstring("anna@example.com"), ContainSubstring("support-1"), ContainSubstring("system:authenticated"), ContainSubstring("anna-1")))
		c.through(both[1])
		Eventually(func() string { _, text := get(browser, c.URL+"/-/namespaces"); return text }).Should(ContainSubstring(mine))
		_, text = get(browser, c.URL+"/-/namespaces")
		Expect(text).NotTo(ContainSubstring(others))
	})

	DescribeTable("does not let in", func(claims map[string]any, title, expected string) {
		p.Is(claims)
		status, text := get(c.browser(), c.URL+"/")
		Expect(status).To(Equal(http.StatusForbidden))
		Expect(text).To(And(ContainSubstring(title), ContainSubstring(expected)))
	},
		Entry("somebody in no group", anna(), "You are in no group of this console", "at least one group in claim groups"),
		Entry("a group of the cluster's own", anna("support", "system:masters"), "a name that nobody may have", "do not begin with system:"),
		Entry("a user of the cluster's own", map[string]any{"sub": "x", "email": "system:kube-controller-manager", "groups": []string{"a"}}, "a name that nobody may have", "do not begin with system:"),
		Entry("an account of a pod", map[string]any{"sub": "x", "email": operator, "groups": []string{"a"}}, "a name that nobody may have", "do not begin with system:"),
		Entry("a group that is the cluster's own when its blanks are lost", anna("support", " system:masters"), "a name that nobody may have", "without blanks"),
		Entry("a name that forges a line of a log", map[string]any{"sub": "x", "email": "x@example.com\nLogged in user=anna", "groups": []string{"a"}}, "a name that nobody may have", "of one line"),
		Entry("a group that reads as another one", anna("support\u202e"), "a name that nobody may have", "of one line"),
		Entry("whom a rule excludes", map[string]any{"sub": "x", "email": "x@example.com", "groups": []string{"a"}, "company": "other"}, "does not take your login", "an account of acme"),
		Entry("an address that is not verified", map[string]any{"sub": "x", "email": "x@example.com", "groups": []string{"a"}, "email_verified": false}, "not verified", "Have it verified there"),
		Entry("somebody without a name", map[string]any{"sub": "x", "groups": []string{"a"}}, "cannot be mapped", "claimMappings"),
		Entry("a token for another application", map[string]any{"sub": "x", "email": "x@example.com", "groups": []string{"a"}, "aud": "other"}, "for another application", "clientID"),
		Entry("a token that another application asked for", map[string]any{"sub": "x", "email": "x@example.com", "groups": []string{"a"}, "aud": []string{clientID, "other"}, "azp": "other"}, "for another application", "clientID"),
		Entry("a token of another login", map[string]any{"sub": "x", "email": "x@example.com", "groups": []string{"a"}, "nonce": "other"}, "not begun here", "nonce"),
		Entry("a token that has expired", map[string]any{"sub": "x", "email": "x@example.com", "groups": []string{"a"}, "exp": 1}, "expired", "clocks"),
		Entry("whose groups are elsewhere", map[string]any{"sub": "x", "email": "x@example.com", "_claim_names": map[string]string{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://127.0.0.1:1/"}}}, "too many groups", "Entra"),
		Entry("somebody in more groups than a browser keeps", anna(manyGroups(2000)...), "too many groups for a session", "the most"),
		Entry("whom the provider refuses", nil, "The provider did not let you in", "access_denied"),
	)

	It("begins a login for one browser, once", func() {
		p.Is(anna("support"))
		browser := c.browser()
		var back *url.URL
		browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == "/-/callback" {
				back = r.URL
				return http.ErrUseLastResponse
			}
			return nil
		}
		_, _ = get(browser, c.URL+"/-/me")
		Expect(back).NotTo(BeNil())
		By("another browser, to which somebody sends the address")
		status, text := get(c.browser(), back.String())
		Expect(status).To(Equal(http.StatusBadRequest))
		Expect(text).To(ContainSubstring("not begun here"))
		By("another state")
		query := back.Query()
		query.Set("state", "x")
		forged := *back
		forged.RawQuery = query.Encode()
		status, _ = get(browser, forged.String())
		Expect(status).To(Equal(http.StatusBadRequest))
		By("the browser itself")
		status, text = get(browser, back.String())
		Expect(status).To(Equal(http.StatusOK), text)
		Expect(text).To(ContainSubstring("anna@example.com"))
		By("the same again")
		status, _ = get(browser, back.String())
		Expect(status).To(Equal(http.StatusBadRequest))
	})

	It("returns to the page that was asked for, and to no other place", func() {
		p.Is(anna("support"))
		answer, err := c.browser().Get(c.URL + "/-/login?to=" + url.QueryEscape("/-/me?namespace=x"))
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Request.URL.RequestURI()).To(Equal("/-/me?namespace=x"))
		answer, err = c.browser().Get(c.URL + "/-/login?to=" + url.QueryEscape("https://evil.example/"))
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Request.URL.Host).To(Equal(strings.TrimPrefix(c.URL, "https://")))
	})

	It("logs out here and at the provider, with the ID token and without one in a page", func() {
		p.Is(anna("support"))
		browser := c.browser()
		_, text := get(browser, c.URL+"/-/me")
		form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(text)
		Expect(form).To(HaveLen(2))
		answer := post(browser, c.URL+"/-/logout", c.URL, url.Values{"form": {form[1]}})
		Expect(answer.status).To(Equal(http.StatusOK))
		Expect(answer.text).To(And(ContainSubstring(`url=/-/logout/provider`), Not(ContainSubstring("eyJ"))))
		p.Is(nil)
		_, _ = get(browser, c.URL+"/-/logout/provider")
		Expect(p.Ended().Get("client_id")).To(Equal(clientID))
		Expect(p.Ended().Get("post_logout_redirect_uri")).To(Equal(c.URL + "/-/logged-out"))
		Expect(p.Ended().Get("id_token_hint")).To(HavePrefix("eyJ"))
		status, text := get(browser, c.URL+"/-/me")
		Expect(status).To(Equal(http.StatusForbidden), "the provider is asked again")
		Expect(text).To(ContainSubstring("did not let you in"))
	})

	It("refuses other hosts, forms of other sites, and sessions that are not its own", func(ctx SpecContext) {
		p.Is(anna("support"))
		browser := c.browser()
		_, text := get(browser, c.URL+"/-/me")
		form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(text)[1]
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/-/me", http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		request.Host = "evil.example"
		answer, err := browser.Do(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer).To(HaveHTTPStatus(http.StatusMisdirectedRequest))
		Expect(post(browser, c.URL+"/-/logout", "https://evil.example", url.Values{"form": {form}}).status).To(Equal(http.StatusForbidden))
		Expect(post(browser, c.URL+"/-/logout", "null", url.Values{"form": {form}}).status).To(Equal(http.StatusForbidden))
		By("a page that takes forms")
		Expect(post(browser, c.URL+"/x/users/y/rerun", c.URL, url.Values{"form": {"other"}}).status).To(Equal(http.StatusForbidden))
		By("a cookie that somebody made")
		base, err := url.Parse(c.URL)
		Expect(err).NotTo(HaveOccurred())
		cookies := browser.Jar.Cookies(base)
		Expect(cookies).NotTo(BeEmpty())
		for _, cookie := range cookies {
			if cookie.Name == "__Host-scim-console" {
				stranger := c.browser()
				stranger.Jar.SetCookies(base, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value[:len(cookie.Value)-2] + "AA", Secure: true, Path: "/"}})
				status, text := get(stranger, c.URL+"/-/me")
				Expect(status).To(Equal(http.StatusUnauthorized))
				Expect(text).To(ContainSubstring("Your session is over"))
			}
		}
	})
})

func manyGroups(n int) []string {
	groups := make([]string, n)
	for i := range groups {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		groups[i] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return groups
}

type answered struct {
	status int
	text   string
}

func post(browser *http.Client, address, origin string, form url.Values) answered {
	GinkgoHelper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", origin)
	answer, err := browser.Do(request)
	Expect(err).NotTo(HaveOccurred())
	body, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Body.Close()).To(Succeed())
	return answered{answer.StatusCode, string(body)}
}
