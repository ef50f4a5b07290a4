package image

import (
	"strconv"

	"github.com/meshctl/meshctl/internal/image"
	"github.com/meshctl/meshctl/internal/printer"
)

// Row is a line of the list of images.
type Row struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	Platform string `json:"platform"`
	Digest   string `json:"digest"` // of the manifest; depends on the compression
	ID       string `json:"id"`     // of the configuration; does not
	Size     int64  `json:"size"`   // bytes of all layers as they are stored
	Layers   []Part `json:"layers"`
}

// Part is a layer of an image.
type Part struct {
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	CreatedBy string `json:"createdBy,omitempty"`
}

func (o *Options) rows(images []image.Image) ([]Row, error) {
	rows := make([]Row, 0, len(images))
	for _, img := range images {
		manifest, err := img.Manifest()
		if err != nil {
			return nil, err
		}
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		r := Row{Name: img.Name, Image: img.Reference, Platform: o.Platform, Digest: digest.String(), ID: manifest.Config.Digest.String()}
		for i, l := range manifest.Layers {
			part := Part{Digest: l.Digest.String(), Size: l.Size}
			if len(config.History) == len(manifest.Layers) {
				part.CreatedBy = config.History[i].CreatedBy
			}
			r.Size += l.Size
			r.Layers = append(r.Layers, part)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// print writes the images in the format that -o asks for.
func (o *Options) print(images []image.Image) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	rows, err := o.rows(images)
	if err != nil {
		return err
	}
	return printer.Print(p, table(), rows)
}

func table() printer.Table[Row] {
	return printer.Table[Row]{Columns: []printer.Column[Row]{
		{Name: "IMAGE", Value: func(r Row) string { return r.Image }},
		{Name: "PLATFORM", Value: func(r Row) string { return r.Platform }},
		{Name: "SIZE", Value: func(r Row) string { return megabytes(r.Size) }},
		{Name: "LAYERS", Value: func(r Row) string { return strconv.Itoa(len(r.Layers)) }},
		{Name: "ID", Wide: true, Value: func(r Row) string { return r.ID }},
		{Name: "DIGEST", Value: func(r Row) string { return r.Digest }},
	}}
}

func megabytes(n int64) string {
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
}
