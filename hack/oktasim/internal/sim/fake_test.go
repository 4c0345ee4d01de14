package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"rservice.dev/scim-operator/hack/oktasim/internal/okta"
)

// fault is one way in which the fake server is wrong. The zero value is a server that does everything right.
type fault string

// fake is a SCIM server in memory, just enough for the sequences, that can be wrong on purpose.
type fake struct {
	fault fault

	mu       sync.Mutex
	requests int
	lists    int
	former   map[string]map[string]any // by path with id, resources as they were before they were changed, until that is read
	nextID   int
	order    map[string][]string                  // by path, ids in the order of creation
	objects  map[string]map[string]map[string]any // by path and id
}

func newFake(f fault) *fake {
	return &fake{fault: f, former: map[string]map[string]any{}, order: map[string][]string{}, objects: map[string]map[string]map[string]any{usersPath: {}, groupsPath: {}}}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if f.intercept(w, r) {
		return
	}
	path, id := "/"+strings.Split(r.URL.Path, "/")[1], strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, usersPath), groupsPath)
	id = strings.TrimPrefix(id, "/")
	switch {
	case r.Header.Get("Authorization") != "Bearer good" && f.fault != "any token is accepted":
		f.error(w, http.StatusUnauthorized, "")
	case id == "" && r.Method == http.MethodGet:
		f.list(w, r, path)
	case id == "":
		f.create(w, r, path)
	case f.objects[path][id] == nil:
		f.error(w, http.StatusNotFound, "")
	case r.Method == http.MethodGet:
		f.reply(w, http.StatusOK, f.show(path, id))
	case r.Method == http.MethodDelete:
		delete(f.objects[path], id)
		f.order[path] = slices.DeleteFunc(f.order[path], func(other string) bool { return other == id })
		w.WriteHeader(http.StatusNoContent)
	default:
		f.change(w, r, path, id)
	}
}

// intercept answers some requests in the place of the server, as an overload or a crash would.
func (f *fake) intercept(w http.ResponseWriter, r *http.Request) bool {
	unlucky := f.requests%10 == 0
	switch {
	case f.fault == "busy with Retry-After" && unlucky:
		w.Header().Set("Retry-After", "7")
		f.error(w, http.StatusTooManyRequests, "")
	case f.fault == "busy without Retry-After" && unlucky:
		f.error(w, http.StatusTooManyRequests, "")
	case f.fault == "answers get lost" && f.requests%3 == 0 && r.Header.Get("X-Inner") == "":
		r.Header.Set("X-Inner", "1")
		f.mu.Unlock()
		f.ServeHTTP(&lostWriter{header: http.Header{}}, r)
		f.mu.Lock()
		panic(http.ErrAbortHandler)
	case r.Method == http.MethodGet && f.former[r.URL.Path] != nil && f.fault == "a replica is behind":
		f.reply(w, http.StatusOK, f.former[r.URL.Path])
		delete(f.former, r.URL.Path)
	default:
		return false
	}
	return true
}

// lostWriter takes an answer that nobody will see.
type lostWriter struct{ header http.Header }

func (w *lostWriter) Header() http.Header         { return w.header }
func (w *lostWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *lostWriter) WriteHeader(int)             {}

func (f *fake) reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/scim+json;charset=utf-8")
	if location, ok := okta.Resource(body).Get("meta", "location").(string); ok && status == http.StatusCreated {
		w.Header().Set("Location", location)
	}
	w.WriteHeader(status)
	must(json.NewEncoder(w).Encode(body))
}

func (f *fake) error(w http.ResponseWriter, status int, scimType string) {
	if f.fault == "errors in plain text" {
		http.Error(w, "no", status)
		return
	}
	body := map[string]any{"schemas": []string{okta.ErrorURN}, "status": strconv.Itoa(status), "detail": "no"}
	if scimType != "" {
		body["scimType"] = scimType
	}
	f.reply(w, status, body)
}

func (f *fake) list(w http.ResponseWriter, r *http.Request, path string) {
	var found []any
	_, want, filtered := strings.Cut(r.URL.Query().Get("filter"), " eq ")
	for _, id := range f.order[path] {
		if !filtered || f.nameIs(f.objects[path][id], strings.Trim(want, `"`)) {
			found = append(found, f.show(path, id))
		}
	}
	f.lists++
	if f.fault == "the order changes" && f.lists%4 >= 2 {
		slices.Reverse(found)
	}
	if f.fault == "inactive users vanish from lists" {
		found = slices.DeleteFunc(found, func(r any) bool { return r.(map[string]any)["active"] == false })
	}
	if f.fault == "a user is listed twice" && path == usersPath && len(found) > 1 {
		found[1] = found[0]
	}
	start, err := strconv.Atoi(r.URL.Query().Get("startIndex"))
	must(err)
	count, err := strconv.Atoi(r.URL.Query().Get("count"))
	must(err)
	if f.fault == "pages of 25" {
		count = min(count, 25)
	}
	page := found[min(start-1, len(found)):min(start-1+count, len(found))]
	var total any = len(found)
	if f.fault == "totals as text" {
		total = strconv.Itoa(len(found))
	}
	f.reply(w, http.StatusOK, map[string]any{
		"schemas": []string{okta.ListURN}, "totalResults": total, "startIndex": start, "itemsPerPage": len(page), "Resources": page,
	})
}

func (f *fake) nameIs(object map[string]any, want string) bool {
	for _, attribute := range []string{"userName", "displayName"} {
		name, _ := object[attribute].(string)
		if name == want || (f.fault != "names differ by case" && strings.EqualFold(name, want)) {
			return true
		}
	}
	return false
}

func (f *fake) create(w http.ResponseWriter, r *http.Request, path string) {
	body := decodeBody(r)
	name, _ := body["userName"].(string)
	if path == groupsPath {
		name, _ = body["displayName"].(string)
	}
	for _, other := range f.objects[path] {
		if f.nameIs(other, name) && f.fault != "names are taken twice" {
			f.error(w, http.StatusConflict, "uniqueness")
			return
		}
	}
	f.nextID++
	id := fmt.Sprintf("id-%05d", f.nextID)
	f.order[path] = append(f.order[path], id)
	f.objects[path][id] = map[string]any{"id": id}
	f.store(path, id, body)
	f.reply(w, http.StatusCreated, f.show(path, id))
}

// store replaces an object by the body of a request, its version moving only when something has changed.
func (f *fake) store(path, id string, body map[string]any) {
	old := f.objects[path][id]
	next := maps.Clone(body)
	for _, name := range []string{"password", "groups", "meta"} {
		if name != "password" || f.fault != "the password is returned" {
			delete(next, name)
		}
	}
	next["id"] = id
	version, _ := old["version"].(int)
	delete(old, "version")
	if encode(old) != encode(next) && f.fault != "versions stand still" {
		version++
	}
	next["version"] = version
	f.objects[path][id] = next
}

// show is an object as an answer has it: with meta, and a user with its groups.
func (f *fake) show(path, id string) map[string]any {
	out := maps.Clone(f.objects[path][id])
	kind := map[string]string{usersPath: "User", groupsPath: "Group"}[path]
	out["meta"] = map[string]any{"resourceType": kind, "location": "http://fake" + path + "/" + id, "version": fmt.Sprintf(`W/"%d"`, out["version"])}
	delete(out, "version")
	if path == usersPath {
		groups := []any{}
		for _, groupID := range f.order[groupsPath] {
			if slices.ContainsFunc(memberList(f.objects[groupsPath][groupID]), hasValue(id)) {
				groups = append(groups, map[string]any{"value": groupID})
			}
		}
		out["groups"] = groups
	}
	return out
}

func memberList(group map[string]any) []any {
	list, _ := group["members"].([]any)
	return list
}

func hasValue(id string) func(any) bool {
	return func(m any) bool { return m.(map[string]any)["value"] == id }
}

func decodeBody(r *http.Request) map[string]any {
	var body map[string]any
	must(json.NewDecoder(r.Body).Decode(&body))
	return body
}

func encode(v any) string {
	out, err := json.Marshal(v)
	must(err)
	return string(out)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
