package kube

import (
	"encoding/json"
	"errors"
	"io"
)

var errNoList = errors.New("not a list")

// page is what a list says besides its items: the token of the next page, empty after the last one, and the state that it shows.
type page struct{ token, version string }

// readList reads a list and holds one item at a time in memory. item must not keep what it is given.
func readList(body io.Reader, item func([]byte)) (p page, err error) {
	decoder := json.NewDecoder(body)
	if err := delimiter(decoder, '{'); err != nil {
		return page{}, err
	}
	var buffer json.RawMessage
	listed := false
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return page{}, err
		}
		switch key {
		case "metadata":
			var metadata struct {
				Continue        string `json:"continue"`
				ResourceVersion string `json:"resourceVersion"`
			}
			err = decoder.Decode(&metadata)
			p = page{metadata.Continue, metadata.ResourceVersion}
		case "items":
			listed = true
			err = readItems(decoder, &buffer, item)
		default:
			err = decoder.Decode(&buffer)
		}
		if err != nil {
			return page{}, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return page{}, err
	}
	if !listed {
		return page{}, errNoList
	}
	return p, nil
}

// readItems reads the items, which are null in an empty list of some servers.
func readItems(decoder *json.Decoder, buffer *json.RawMessage, item func([]byte)) error {
	open, err := decoder.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('[') {
		return errNoList
	}
	for decoder.More() {
		if err := decoder.Decode(buffer); err != nil {
			return err
		}
		item(*buffer)
	}
	_, err = decoder.Token()
	return err
}

func delimiter(decoder *json.Decoder, want json.Delim) error {
	token, err := decoder.Token()
	if err == nil && token != want {
		err = errNoList
	}
	return err
}
