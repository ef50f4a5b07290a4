package kube

import (
	"encoding/json"
	"errors"
	"io"
)

var errNoList = errors.New("not a list")

// readList reads a list and holds one item at a time in memory. item must not keep what it is given. It returns the token of the
// next page.
func readList(body io.Reader, item func([]byte)) (token string, err error) {
	decoder := json.NewDecoder(body)
	if err := delimiter(decoder, '{'); err != nil {
		return "", err
	}
	var buffer json.RawMessage
	listed := false
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", err
		}
		switch key {
		case "metadata":
			var metadata struct {
				Continue string `json:"continue"`
			}
			err = decoder.Decode(&metadata)
			token = metadata.Continue
		case "items":
			listed = true
			err = readItems(decoder, &buffer, item)
		default:
			err = decoder.Decode(&buffer)
		}
		if err != nil {
			return "", err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return "", err
	}
	if !listed {
		return "", errNoList
	}
	return token, nil
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
