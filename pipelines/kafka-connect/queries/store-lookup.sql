-- One row by its full key: its latest image. The key is explicit, so the canaries are looked up with
-- it too.
SELECT store_id, sku_id, latest.on_hand, latest.version, latest.event_id
FROM (
  SELECT
    store_id, sku_id,
    arg_max({'on_hand': on_hand, 'version': version, 'event_id': event_id, 'deleted': deleted}, version)
      AS latest
  FROM ice.${namespace}.inventory
  WHERE store_id = $store AND sku_id = $sku
  GROUP BY store_id, sku_id
)
WHERE NOT latest.deleted;
