package scim

// Link adds the addresses that depend on where a client finds the server: meta.location, and $ref
// of members and groups. The resource belongs to the caller.
func Link(baseURL string, rt *ResourceType, res Resource) {
	if meta := res.Complex("meta"); meta != nil {
		meta["location"] = Location(baseURL, rt, res.ID())
	}
	for _, name := range []string{"groups", "members"} {
		switch values := res[name].(type) {
		case []any:
			addReferences(baseURL, values)
		case Stream:
			res[name] = values.withReferences(baseURL)
		}
	}
}

func addReferences(baseURL string, values []any) {
	for _, value := range values {
		if value, ok := value.(map[string]any); ok {
			addReference(baseURL, value)
		}
	}
}

func (s Stream) withReferences(baseURL string) Stream {
	return func(yield func(map[string]any) bool) {
		for value := range s {
			addReference(baseURL, value)
			if !yield(value) {
				return
			}
		}
	}
}

func addReference(baseURL string, value map[string]any) {
	id, ok := value["value"].(string)
	if !ok {
		return
	}
	// The type of a user's group is "direct"; only a member can be a user.
	rt := Group
	if value["type"] == User.Name {
		rt = User
	}
	value["$ref"] = Location(baseURL, rt, id)
}
