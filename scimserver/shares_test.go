package scimserver

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// anyTenant lets every token in, to a tenant of the same name.
type anyTenant struct{}

func (anyTenant) authenticate(_ context.Context, token string) (*principal, error) {
	return &principal{tokenID: token, tenant: token, endpoint: "okta", scope: v1alpha1.ScopeAll, maxBody: maxGroupBody, maxPage: scim.MaxCount, cursorKeys: [][]byte{cursorKey([]byte(token))}}, nil
}

// heldStore keeps the requests of tenant "busy" until they are let go.
type heldStore struct {
	brokenStore
	entered chan string
	letGo   chan struct{}
}

func (s *heldStore) hold(tenant string) {
	if tenant == "busy" {
		s.entered <- tenant
		<-s.letGo
	}
}

func (s *heldStore) Create(ctx context.Context, tenant string, _ *scim.ResourceType, _ scim.Resource) (scim.Resource, error) {
	s.hold(tenant)
	return found(ctx)
}

func (s *heldStore) List(_ context.Context, tenant string, _ *scim.ResourceType, _ store.Query) (store.Page, error) {
	s.hold(tenant)
	return store.Page{}, nil
}

func as(tenant string, r *http.Request) *http.Request {
	r.Header.Set("Authorization", "Bearer "+tenant)
	return r
}

func TestOneTenantCannotKeepTheOthersOut(t *testing.T) {
	chunked := func(blanks int) func() *http.Request {
		return func() *http.Request {
			r := request(http.MethodPost, "/scim/v2/Groups", "")
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{"displayName":"x"}`+strings.Repeat(" ", blanks))), -1
			return r
		}
	}
	largeGroup, smallGroup := chunked(maxUserBody), chunked(0)
	bulk := func() *http.Request {
		return request(http.MethodPost, "/scim/v2/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a"}}]}`)
	}
	user := func() *http.Request { return request(http.MethodPost, "/scim/v2/Users", `{"userName":"babs"}`) }
	scan := func() *http.Request { return request(http.MethodGet, "/scim/v2/Users?filter=title+pr", "") }
	for name, test := range map[string]struct {
		request func() *http.Request
		// share is how many the tenant may have at the same time.
		share int
		// passes is a request that is answered also when the share is used up.
		passes func() *http.Request
		status int
	}{
		"by large bodies":                   {largeGroup, 1, smallGroup, http.StatusCreated},
		"by bulk requests":                  {bulk, maxTenantBulks, largeGroup, http.StatusOK},
		"by looking through all it has":     {scan, int(maxTenantTurns()), bulk, http.StatusOK},
		"by small bodies of unknown size":   {smallGroup, 20, largeGroup, http.StatusCreated},
		"by anything that holds but itself": {user, 20, largeGroup, http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			held := &heldStore{entered: make(chan string), letGo: make(chan struct{})}
			s := newServer(held, anyTenant{}, Options{Logger: (&logBuffer{}).logger()})
			s.shares.patience = 10 * time.Millisecond
			answered := make(chan int)
			begin := func(r *http.Request) {
				go func() { answered <- serve(s, as("busy", r)).Code }()
				<-held.entered
			}
			for range test.share {
				begin(test.request())
			}
			if test.share < 20 {
				refused := make(chan *httptest.ResponseRecorder, 1)
				go func() { refused <- serve(s, as("busy", test.request())) }()
				select {
				case w := <-refused:
					wantSCIMError(t, w, http.StatusTooManyRequests, "")
					wantRetryAfter(t, w.Header())
				case <-held.entered:
					t.Fatal("more than the share was let in")
				}
			}
			if w := serve(s, as("other", test.request())); w.Code != test.status {
				t.Errorf("another tenant got %d %s", w.Code, w.Body)
			}
			begin(test.passes())
			test.share++
			close(held.letGo)
			for range test.share {
				if code := <-answered; code >= http.StatusBadRequest {
					t.Errorf("one within the share got %d", code)
				}
			}
			if len(s.shares.tenants) != 0 {
				t.Errorf("%d tenants are remembered for ever", len(s.shares.tenants))
			}
		})
	}
}

func wantRetryAfter(t *testing.T, header http.Header) {
	t.Helper()
	if header.Get("Retry-After") != strconv.Itoa(retryAfter) {
		t.Errorf("the client is not told when to come back: %v", header)
	}
}

func TestLargeBodiesOfAllTenantsShareTheMemory(t *testing.T) {
	s := newShares()
	s.patience = 10 * time.Millisecond
	var releases []func()
	for _, tenant := range []string{"a", "b"} {
		release, err := s.body(t.Context(), tenant, maxTenantBodies)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	problem, header := errorOf(s.body(t.Context(), "c", 1))
	if problem.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v", problem)
	}
	wantRetryAfter(t, header)
	releases[0]()
	release, err := s.body(t.Context(), "c", maxTenantBodies)
	if err != nil {
		t.Errorf("what was given back is not there: %v", err)
	}
	release()
}

func errorOf(_ func(), err error) (*scim.Error, http.Header) { return problemOf("req-1", err) }

func TestWhatIsFreeIsHadHoweverLate(t *testing.T) {
	s := newShares()
	s.patience = -time.Second // is over before anybody looks
	for name, get := range map[string]func(context.Context, string) (func(), error){
		"memory": func(ctx context.Context, tenant string) (func(), error) {
			return s.memory(ctx, tenant, maxTenantMemory)
		},
		"bulk": s.bulk, "turn": s.turn,
	} {
		release, err := get(t.Context(), "a")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		release()
	}
}

// A body counts as what it becomes, so that small values, which take fifty times their length, do not come for nothing.
func TestBodiesCountAsWhatTheyBecome(t *testing.T) {
	const room = 1 << 20
	objects := strings.Repeat(`{"a":1},`, 2*maxSmallBody/8) + `1`
	for name, test := range map[string]struct {
		path, body string
		chunked    bool
		want       int
	}{
		"text":                          {"/Users", `{"userName":"a","x":"` + strings.Repeat("x", 2*maxSmallBody) + `"}`, false, http.StatusCreated},
		"text, unannounced":             {"/Users", `{"userName":"a","x":"` + strings.Repeat("x", 2*maxSmallBody) + `"}`, true, http.StatusCreated},
		"small objects":                 {"/Users", `{"userName":"a","x":[` + objects + `]}`, false, http.StatusServiceUnavailable},
		"small objects, unannounced":    {"/Users", `{"userName":"a","x":[` + objects + `]}`, true, http.StatusServiceUnavailable},
		"small objects, of a group":     {"/Groups", `{"displayName":"a","x":[` + objects + `]}`, false, http.StatusServiceUnavailable},
		"small objects, in a search":    {"/.search", `{"x":[` + objects + `]}`, false, http.StatusServiceUnavailable},
		"small objects, in a bulk":      {"/Bulk", `{"Operations":[],"x":[` + objects + `]}`, false, http.StatusServiceUnavailable},
		"small objects in a small body": {"/Users", `{"userName":"a","x":[` + strings.Repeat(`{"a":1},`, maxSmallBody/16) + `1]}`, false, http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testServer(found)
			s.shares.patience = 10 * time.Millisecond
			s.shares.decoded = semaphore.NewWeighted(room)
			r := request(http.MethodPost, "/scim/v2"+test.path, test.body)
			if test.chunked {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(test.body)), -1
			}
			w := serve(s, r)
			if w.Code != test.want {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			if !s.shares.decoded.TryAcquire(room) || len(s.shares.tenants) != 0 {
				t.Error("what the body held is not given back")
			}
		})
	}
}

func TestBodiesHaveSoManyValues(t *testing.T) {
	for path, limit := range map[string]int{"/Users": maxUserValues, "/Users/.search": maxUserValues, "/Bulk": maxBulkValues, "/Groups": scim.MaxJSONValues} {
		for values, refused := range map[int]bool{limit: false, limit + 1: true} {
			s, _ := testServer(found)
			head := `{"userName":"a","displayName":"b","Operations":[],"x":[`
			body := head + strings.Repeat("1,", values-6) + "1]}"
			w := serve(s, request(http.MethodPost, "/scim/v2"+path, body))
			if refused {
				wantSCIMError(t, w, http.StatusRequestEntityTooLarge, "")
				if !strings.Contains(w.Body.String(), "split") {
					t.Errorf("%s does not say what to do", w.Body)
				}
			} else if w.Code >= http.StatusBadRequest {
				t.Errorf("%s with %d values: got %d %s", path, values, w.Code, w.Body)
			}
		}
	}
}

// admittingStore asks, as a list of groups with members does, whether there is room for them.
type admittingStore struct {
	brokenStore
	asked chan struct{}
}

func (s *admittingStore) List(_ context.Context, _ string, _ *scim.ResourceType, q store.Query) (store.Page, error) {
	close(s.asked)
	return store.Page{}, q.Admit(maxListedMembers)
}

func TestWhoWaitsForMemoryHoldsNoTurn(t *testing.T) {
	lists := &admittingStore{asked: make(chan struct{})}
	s := newServer(lists, anyTenant{}, Options{Logger: (&logBuffer{}).logger()})
	s.shares.patience = time.Minute
	free, err := s.shares.memory(t.Context(), "busy", maxTenantMemory)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan int)
	go func() { answered <- serve(s, as("busy", request(http.MethodGet, "/scim/v2/Groups", ""))).Code }()
	<-lists.asked
	for range maxTenantTurns() { // what a body that holds the memory needs, to be decoded and give it back
		release, err := s.shares.turn(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	free()
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the list got %d", code)
	}
}

// changingStore has one user, who can be changed.
type changingStore struct{ heldStore }

func (s *changingStore) Update(
	ctx context.Context, _ string, _ *scim.ResourceType, id, _ string, change store.Change,
) (store.Updated, error) {
	emails := make([]any, 100)
	for i := range emails {
		emails[i] = map[string]any{"value": strconv.Itoa(i) + "@example.com"}
	}
	changed, err := change.Apply(ctx, scim.Resource{"id": id, "userName": "babs", "emails": emails})
	return store.Updated{Resource: changed, Changed: true}, err
}

// List finds many users by an externalId.
func (s *changingStore) List(_ context.Context, _ string, _ *scim.ResourceType, q store.Query) (store.Page, error) {
	if q.Filter != nil && q.Filter.Uses("externalId") && q.Long != nil {
		return store.Page{}, q.Long()
	}
	return store.Page{}, nil
}

func TestComputingTakesTurns(t *testing.T) {
	s := newServer(&changingStore{}, anyTenant{}, Options{Logger: (&logBuffer{}).logger()})
	s.shares.patience = 10 * time.Millisecond
	for range maxTenantTurns() {
		release, err := s.shares.turn(t.Context(), "computing")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
	}
	large := strings.Repeat(" ", maxSmallBody)
	find := `{"op":"replace","path":"emails[value eq \"7@example.com\"].display","value":"x"}`
	for name, test := range map[string]struct {
		method, path, body string
		turn               bool
	}{
		"a PATCH":       {http.MethodPatch, "/Users/1", `{"Operations":[{"op":"replace","value":{"title":"x"}}]}`, false},
		"a long PATCH":  {http.MethodPatch, "/Users/1", `{"Operations":[` + strings.Repeat(find+",", 200) + find + `]}`, true},
		"a large body":  {http.MethodPost, "/Users", `{"userName":"babs"}` + large, true},
		"a large PUT":   {http.MethodPut, "/Users/1", `{"userName":"babs"}` + large, true},
		"a large bulk":  {http.MethodPost, "/Bulk", `{"Operations":[]}` + large, true},
		"a large query": {http.MethodPost, "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"count":1}` + large, true},
		"a long list":   {http.MethodGet, "/Users?count=1000", "", true},
		"a sorted list": {http.MethodGet, "/Users?sortBy=title", "", true},
		"a short list":  {http.MethodGet, "/Users", "", false},
		"many found":    {http.MethodGet, "/Users?filter=externalId+eq+%22x%22", "", true},
		"one name":      {http.MethodGet, "/Users?filter=userName+eq+%22x%22+and+title+pr", "", false},
		"many terms":    {http.MethodGet, "/Users?filter=userName+eq+%22x%22+and+(" + strings.Repeat("title+pr+or+", 20) + "title+pr)", "", true},
		"a user":        {http.MethodPost, "/Users", `{"userName":"babs"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			for tenant, refused := range map[string]bool{"computing": test.turn, "other": false} {
				w := serve(s, as(tenant, request(test.method, "/scim/v2"+test.path, test.body)))
				if (w.Code == http.StatusTooManyRequests) != refused {
					t.Errorf("tenant %s got %d %s", tenant, w.Code, w.Body)
				}
			}
		})
	}
}
