package store

// maker makes the objects and lists that a resource consists of. nil makes new ones. Another one makes those of a page's
// resources, one after the other, of the same memory: a resource is good until the next one is begun.
type maker struct {
	objects            []map[string]any
	lists              [][]any
	madeLists, madeMap int
}

// begin begins the next resource.
func (by *maker) begin() {
	if by != nil {
		by.madeMap, by.madeLists = 0, 0
	}
}

// object returns an empty object with room for so many members.
func (by *maker) object(size int) map[string]any {
	if by == nil {
		return make(map[string]any, size)
	}
	if by.madeMap == len(by.objects) {
		by.objects = append(by.objects, make(map[string]any, size))
	}
	object := by.objects[by.madeMap]
	by.madeMap++
	clear(object)
	return object
}

// list returns a list of so many values, which the caller sets.
func (by *maker) list(length int) []any {
	if by == nil {
		return make([]any, length)
	}
	if by.madeLists == len(by.lists) {
		by.lists = append(by.lists, nil)
	}
	list := &by.lists[by.madeLists]
	by.madeLists++
	if cap(*list) < length {
		*list = make([]any, length)
	}
	*list = (*list)[:length]
	return *list
}
