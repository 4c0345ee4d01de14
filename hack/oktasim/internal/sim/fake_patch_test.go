package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// change carries out PUT and PATCH.
func (f *fake) change(w http.ResponseWriter, r *http.Request, path, id string) {
	body := decodeBody(r)
	f.former[r.URL.Path] = f.show(path, id)
	if r.Method == http.MethodPut {
		if f.fault == "PUT adds members but removes none" && path == groupsPath {
			body["members"] = union(memberList(f.objects[path][id]), memberList(body))
		}
		for _, kept := range []string{"active", "members"} {
			if v, ok := f.objects[path][id][kept]; ok && body[kept] == nil {
				body[kept] = v
			}
		}
		f.store(path, id, body)
		f.reply(w, http.StatusOK, f.show(path, id))
		return
	}
	next := maps.Clone(f.objects[path][id])
	delete(next, "version")
	for _, operation := range body["Operations"].([]any) {
		f.apply(next, operation.(map[string]any))
	}
	if f.fault == "deactivation deletes" && next["active"] == false {
		delete(f.objects[path], id)
		f.order[path] = slices.DeleteFunc(f.order[path], func(other string) bool { return other == id })
		w.WriteHeader(http.StatusNoContent)
		return
	}
	version := f.objects[path][id]["version"]
	f.objects[path][id] = maps.Clone(next)
	f.objects[path][id]["version"] = version.(int) + 1
	if path == groupsPath && len(memberList(f.objects[path][id])) > 1000 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	f.reply(w, http.StatusOK, f.show(path, id))
}

func (f *fake) apply(object, operation map[string]any) {
	path, _ := operation["path"].(string)
	switch {
	case operation["op"] == "remove":
		if f.fault == "members are never removed" {
			return
		}
		id := strings.TrimSuffix(strings.TrimPrefix(path, `members[value eq "`), `"]`)
		object["members"] = slices.DeleteFunc(slices.Clone(memberList(object)), hasValue(id))
	case operation["op"] == "add":
		added := operation["value"].([]any)
		if f.fault == "the last added member is lost" {
			added = added[:len(added)-1]
		}
		object["members"] = union(memberList(object), added)
	case path == "members":
		members := operation["value"].([]any)
		if len(members) > 0 || f.fault != "an empty member list is ignored" {
			object["members"] = members
		}
	default:
		f.merge(object, operation["value"].(map[string]any))
	}
}

// merge is replace without a path: every attribute of the value is replaced.
func (f *fake) merge(object, value map[string]any) {
	value = maps.Clone(value)
	delete(value, "id")
	if _, ok := value["active"]; ok && f.fault == "a path-less PATCH is ignored" {
		return
	}
	if _, ok := value["members"]; !ok && value["displayName"] != nil && f.fault == "renaming empties a group" {
		value["members"] = []any{}
	}
	maps.Copy(object, value)
}

func union(have, more []any) []any {
	out := slices.Clone(have)
	for _, m := range more {
		if !slices.ContainsFunc(out, hasValue(m.(map[string]any)["value"].(string))) {
			out = append(out, m)
		}
	}
	return out
}
