package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

// sender sends a request to the API server.
type sender func() (*http.Response, error)

// spoiling is what a test lets happen to a request.
type spoiling func(r *http.Request, send sender) (*http.Response, error)

// lossy is a network between a Store and the API server that a test can spoil.
type lossy struct {
	// spoil is what a request goes through as long as it is set.
	spoil atomic.Pointer[spoiling]
}

func (l *lossy) wrap(next http.RoundTripper) http.RoundTripper { return lossyConnection{l, next} }

type lossyConnection struct {
	*lossy
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c lossyConnection) RoundTrip(r *http.Request) (*http.Response, error) {
	send := func() (*http.Response, error) { return c.next.RoundTrip(r) }
	if spoil := c.spoil.Load(); spoil != nil {
		return (*spoil)(r, send)
	}
	return send()
}

func (l *lossy) through(spoil spoiling) {
	l.spoil.Store(&spoil)
}

// creates reports whether a request creates a user or group.
func creates(r *http.Request) bool {
	return r.Method == http.MethodPost && (strings.HasSuffix(r.URL.Path, "/scimusers") || strings.HasSuffix(r.URL.Path, "/scimgroups"))
}

var errCut = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}

// answer is what the API server says when its database does not answer.
func answer(r *http.Request, code int, reason string, header http.Header) *http.Response {
	header.Set("Content-Type", "application/json")
	return &http.Response{
		StatusCode: code, Request: r, Header: header, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(
			`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": %q, "message": "not now", "code": %d}`, reason, code))),
	}
}

var _ = Describe("a creation whose outcome is unknown", func() {
	var tenant string
	var network *lossy
	var s *Store
	var member string
	BeforeEach(func(ctx SpecContext) {
		tenant = namespaceOf(ctx)
		network = &lossy{}
		s = replica(ctx, tenant, quick, network.wrap)
		created, err := s.Create(within(ctx), tenant, scim.User, user("member@example.com"))
		Expect(err).NotTo(HaveOccurred())
		member = created.ID()
	})
	// stored are the ids of the users or groups of the tenant that have this name.
	stored := func(ctx context.Context, rt *scim.ResourceType, name string) (found []string) {
		GinkgoHelper()
		var users v1alpha1.ScimUserList
		var groups v1alpha1.ScimGroupList
		Expect(direct.List(ctx, &users, client.InNamespace(tenant))).To(Succeed())
		Expect(direct.List(ctx, &groups, client.InNamespace(tenant))).To(Succeed())
		for i := range users.Items {
			if rt == scim.User && users.Items[i].Spec.UserName == name {
				found = append(found, users.Items[i].Name)
			}
		}
		for i := range groups.Items {
			if rt == scim.Group && groups.Items[i].Spec.DisplayName == name {
				found = append(found, groups.Items[i].Name)
			}
		}
		return found
	}
	for _, c := range []struct {
		name  string
		spoil func(*lossy)
	}{
		{"as the connection is lost before the answer", func(l *lossy) {
			var lost atomic.Bool
			l.through(func(r *http.Request, send sender) (*http.Response, error) {
				res, err := send()
				if err == nil && creates(r) && lost.CompareAndSwap(false, true) {
					return nil, errors.Join(errCut, res.Body.Close())
				}
				return res, err
			})
		}},
		{"as the connection is lost before the request arrives", func(l *lossy) {
			var lost atomic.Bool
			l.through(func(r *http.Request, send sender) (*http.Response, error) {
				if creates(r) && lost.CompareAndSwap(false, true) {
					return nil, errCut
				}
				return send()
			})
		}},
		{"as the API server gives up on its database", func(l *lossy) {
			var lost atomic.Bool
			l.through(func(r *http.Request, send sender) (*http.Response, error) {
				res, err := send()
				if err == nil && creates(r) && lost.CompareAndSwap(false, true) {
					return answer(r, http.StatusGatewayTimeout, "Timeout", http.Header{}), res.Body.Close()
				}
				return res, err
			})
		}},
		{"as client-go has repeated it", func(l *lossy) {
			var lost atomic.Bool
			l.through(func(r *http.Request, send sender) (*http.Response, error) {
				res, err := send()
				if err == nil && creates(r) && lost.CompareAndSwap(false, true) {
					return answer(r, http.StatusInternalServerError, "ServerTimeout", http.Header{"Retry-After": {"1"}}), res.Body.Close()
				}
				return res, err
			})
		}},
		{"as everything is away for a time", func(l *lossy) {
			var failed atomic.Int64
			l.through(func(r *http.Request, send sender) (*http.Response, error) {
				if failed.Load() == 0 && !creates(r) || failed.Load() > 5 {
					return send()
				}
				if failed.Add(1) == 1 {
					if res, err := send(); err == nil {
						return nil, errors.Join(errCut, res.Body.Close())
					}
				}
				return nil, errCut
			})
		}},
	} {
		for _, rt := range []*scim.ResourceType{scim.User, scim.Group} {
			It("is found out, "+c.name+": "+rt.Name, func(ctx SpecContext) {
				c.spoil(network)
				sent := user("Unlucky")
				kind := claimUserName
				if rt == scim.Group {
					sent, kind = group("Unlucky", member), claimDisplayName
				}
				created, err := s.Create(within(ctx), tenant, rt, sent)
				Expect(err).NotTo(HaveOccurred())
				network.spoil.Store(nil)
				Expect(stored(ctx, rt, "Unlucky")).To(Equal([]string{created.ID()}))
				Expect(created.Complex("meta")).To(HaveKeyWithValue("version", `W/"1"`))
				Expect(holders(ctx, tenant)).To(HaveKeyWithValue(leaseName(ctx, tenant, kind, "unlucky"), created.ID()))
				page, err := s.List(within(ctx), tenant, rt, all())
				Expect(err).NotTo(HaveOccurred())
				Expect(ids(page)).To(ContainElement(created.ID()), "a list includes what this replica has acknowledged")
				_, err = s.Create(within(ctx), tenant, rt, sent)
				Expect(err).To(haveStatus(http.StatusConflict))
			})
		}
	}

	It("leaves the name to whom took it over in the meantime", func(ctx SpecContext) {
		other := replica(ctx, tenant, quick)
		begun := make(chan struct{})
		var cut atomic.Bool
		network.through(func(r *http.Request, send sender) (*http.Response, error) {
			if creates(r) && cut.CompareAndSwap(false, true) {
				close(begun)
			}
			if cut.Load() {
				return nil, errCut
			}
			return send()
		})
		outcome := make(chan error, 1)
		go func() {
			_, err := s.Create(within(ctx), tenant, scim.User, user("contended"))
			outcome <- err
		}()
		Eventually(begun).Should(BeClosed())
		created, err := other.Create(within(ctx), tenant, scim.User, user("contended"))
		Expect(err).NotTo(HaveOccurred())
		network.spoil.Store(nil)
		Eventually(outcome).Should(Receive(haveStatus(http.StatusConflict)))
		Expect(stored(ctx, scim.User, "contended")).To(Equal([]string{created.ID()}))
	})

	It("ends with the request when nothing can be found out, and without waiting for it when only creations fail", func(ctx SpecContext) {
		var failed atomic.Int64
		request, end := context.WithTimeout(ctx, time.Hour)
		defer end()
		network.through(func(r *http.Request, send sender) (*http.Response, error) {
			if failed.Load() == 0 && !creates(r) {
				return send()
			}
			if failed.Add(1) == 2*maxAbsent {
				end()
			}
			return nil, errCut
		})
		_, err := s.Create(request, tenant, scim.User, user("gone"))
		Expect(err).To(And(MatchError(context.Canceled), MatchError(ContainSubstring("reset by peer"))))

		network.through(func(r *http.Request, send sender) (*http.Response, error) {
			if creates(r) {
				return answer(r, http.StatusInternalServerError, "InternalError", http.Header{}), nil
			}
			return send()
		})
		endless, stop := context.WithTimeout(ctx, time.Hour)
		defer stop()
		_, err = s.Create(endless, tenant, scim.User, user("refused"))
		Expect(err).To(MatchError(ContainSubstring("not now")))
		Expect(endless.Err()).NotTo(HaveOccurred())
	})
})
