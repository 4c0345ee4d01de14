package scimserver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	rounds = 50
	racers = 16
)

// mixedCase returns the name with some letters in the other case.
func mixedCase(name string) string {
	return strings.Map(func(r rune) rune {
		if rand.IntN(2) == 0 {
			return unicode.ToUpper(r)
		}
		return r
	}, name)
}

// race sends n requests at the same time to the replicas in turn.
func race(ctx context.Context, replicas []scimClient, n int, send func(ctx context.Context, c scimClient, i int) (answer, error)) []answer {
	GinkgoHelper()
	answers, errs := make([]answer, n), make([]error, n)
	start := make(chan struct{})
	var racing sync.WaitGroup
	for i := range n {
		racing.Go(func() {
			<-start
			answers[i], errs[i] = send(ctx, replicas[i%len(replicas)], i)
		})
	}
	close(start)
	racing.Wait()
	Expect(errs).To(HaveEach(BeNil()))
	return answers
}

func statuses(answers []answer) map[int]int {
	count := make(map[int]int)
	for _, a := range answers {
		count[a.Status]++
	}
	return count
}

var _ = Describe("Two replicas", func() {
	two := func(ctx SpecContext) []scimClient {
		c, _, namespace := connect(ctx)
		other := startReplica(ctx, namespace)
		return []scimClient{c, {base: other.url + "/scim/v2", token: c.token}}
	}

	It("give one userName once, however many ask at the same time", func(ctx SpecContext) {
		replicas := two(ctx)
		for round := range rounds {
			name := fmt.Sprintf("racer-%d@example.com", round)
			answers := race(ctx, replicas, racers, func(ctx context.Context, c scimClient, _ int) (answer, error) {
				return c.try(ctx, "POST", "/Users", user(mixedCase(name)))
			})
			Expect(statuses(answers)).To(Equal(map[int]int{http.StatusCreated: 1, http.StatusConflict: racers - 1}), "round %d", round)
		}
		for _, c := range replicas {
			Eventually(func() any { return c.do(ctx, "GET", "/Users?count=0", nil).Body["totalResults"] }).Should(Equal(float64(rounds)))
		}
	})

	It("see at once by id what the other one has created", func(ctx SpecContext) {
		replicas := two(ctx)
		for i := range 20 {
			id := replicas[i%2].create(ctx, "/Users", user(fmt.Sprintf("user-%d@example.com", i)))
			Expect(replicas[1-i%2].do(ctx, "GET", "/Users/"+id, nil)).To(haveStatus(http.StatusOK))
		}
	})

	It("lose no member when one group is patched in parallel", func(ctx SpecContext) {
		replicas := two(ctx)
		id := replicas[0].create(ctx, "/Groups", group("Guides"))
		var members []string
		for i := range racers {
			members = append(members, replicas[0].create(ctx, "/Users", user(fmt.Sprintf("member-%d@example.com", i))))
		}
		answers := race(ctx, replicas, racers, func(ctx context.Context, c scimClient, i int) (answer, error) {
			return c.try(ctx, "PATCH", "/Groups/"+id, operations(
				map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": members[i]}}}))
		})
		Expect(statuses(answers)).To(Equal(map[int]int{http.StatusOK: racers}))
		for _, c := range replicas {
			Eventually(func() []string { return c.do(ctx, "GET", "/Groups/"+id, nil).members() }).Should(ConsistOf(members))
		}
	})

	It("agree on filters and pages", func(ctx SpecContext) {
		replicas := two(ctx)
		id := replicas[0].create(ctx, "/Users", user("babs@example.com"))
		for _, c := range replicas {
			Eventually(func() []string {
				return c.do(ctx, "GET", "/Users?filter="+url.QueryEscape(`userName eq "BABS@example.com"`), nil).ids()
			}).Should(Equal([]string{id}))
		}
	})
})
